package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

func readInfo(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	info, err := c.Info(ctx, h)
	if err == nil {
		err = unnamed(name)
	}
	return single(h, info, func(w io.Writer) error { return textInfo(w, info) }), err
}

func textInfo(w io.Writer, info devlink.Info) error {
	rows := [][]string{{"driver", info.Driver}, {"serial_number", info.Serial}, {"board.serial_number", info.Board}}
	for _, kind := range []struct {
		name     string
		versions map[string]string
	}{{"fixed", info.Versions.Fixed}, {"running", info.Versions.Running}, {"stored", info.Versions.Stored}} {
		for _, name := range slices.Sorted(maps.Keys(kind.versions)) {
			rows = append(rows, []string{kind.name + " " + name, kind.versions[name]})
		}
	}
	return pairs(w, slices.DeleteFunc(rows, func(r []string) bool { return r[1] == "" }))
}

// readDev reads what the device says of reloads.
func readDev(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	d, err := c.Device(ctx, h)
	if err == nil {
		err = unnamed(name)
	}
	p := single(h, d, func(w io.Writer) error { return textDev(w, d) })
	p.empty = len(d.Reload) == 0 && !d.ReloadFailed
	return p, err
}

func textDev(w io.Writer, d devlink.Device) error {
	if d.ReloadFailed {
		fmt.Fprintln(w, "the last reload failed; the device is down until another one succeeds")
	}
	var rows [][]string
	for _, action := range slices.Sorted(maps.Keys(d.Reload)) {
		for _, limit := range slices.Sorted(maps.Keys(d.Reload[action])) {
			limits := "-"
			if limit != devlink.ReloadUnlimited {
				limits = limit.String()
			}
			rows = append(rows, []string{action.String(), limits, fmt.Sprint(d.Reload[action][limit]), fmt.Sprint(d.Remote[action][limit])})
		}
	}
	return table(w, "RELOAD LIMIT COUNT REMOTE", rows)
}

func readPorts(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	ports, err := c.Ports(ctx, h)
	if err != nil {
		return part{}, err
	}
	return keyed(h, ports, name, portIndex, textPorts)
}

func portIndex(p devlink.Port) string { return strconv.FormatUint(uint64(p.Index), 10) }

// streamPorts writes ports as JSON in the kernel's order.
func streamPorts(ctx context.Context, s *jsonStream, c *devlink.Client, h devlink.Handle, name string) error {
	ports, err := c.Ports(ctx, h)
	if err == nil {
		ports, err = pick(h, ports, name, portIndex)
	}
	if err != nil {
		return err
	}
	var compact []byte
	for i := range ports {
		s.member(h.String() + "/" + portIndex(ports[i]))
		if compact, err = ports[i].AppendJSON(compact[:0]); err != nil {
			return err
		}
		if err := errors.Join(s.indent(compact, "    "), s.end()); err != nil {
			return err
		}
	}
	return nil
}

func textPorts(w io.Writer, ports []devlink.Port) error {
	var rows [][]string
	for _, p := range ports {
		number := "-"
		if p.Number != nil {
			number = fmt.Sprint(*p.Number)
		}
		flavour := "-"
		if p.Flavour != nil {
			flavour = p.Flavour.String()
		}
		rows = append(rows, []string{fmt.Sprint(p.Index), number, flavour, orElse(orElse(p.NetDev, p.IBDev), "-")})
	}
	return table(w, "INDEX PORT FLAVOUR NETDEV", rows)
}

func readRegions(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	regions, err := c.Regions(ctx, h)
	if err != nil {
		return part{}, err
	}
	for i := range regions {
		if regions[i].Snapshots == nil {
			regions[i].Snapshots = []uint32{} // a list in JSON
		}
	}
	return keyed(h, regions, name, regionName, textRegions)
}

// regionName is the name behind the device's handle, with the port's number where the region belongs to a port.
func regionName(r devlink.Region) string {
	if r.Port != nil {
		return fmt.Sprintf("%d/%s", *r.Port, r.Name)
	}
	return r.Name
}

func textRegions(w io.Writer, regions []devlink.Region) error {
	var rows [][]string
	for _, r := range regions {
		most := "-"
		if r.MaxSnapshots > 0 {
			most = fmt.Sprint(r.MaxSnapshots)
		}
		rows = append(rows, []string{regionName(r), fmt.Sprint(r.Size), orElse(strings.Trim(fmt.Sprint(r.Snapshots), "[]"), "-"), most})
	}
	return table(w, "REGION BYTES SNAPSHOTS MOST", rows)
}

func readParams(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	params, err := c.Params(ctx, h)
	if err != nil {
		return part{}, err
	}
	return listed(h, params, name, func(p devlink.Param) string { return p.Name }, textParams)
}

func textParams(w io.Writer, params []devlink.Param) error {
	var rows [][]string
	for _, p := range params {
		for _, v := range p.Values {
			def := "-"
			if v.Default != nil {
				def = fmt.Sprint(p.Named(v.Default))
			}
			rows = append(rows, []string{p.Name, v.CMode.String(), fmt.Sprint(p.Named(v.Value)), def})
		}
	}
	return table(w, "PARAM CMODE VALUE DEFAULT", rows)
}

func readSelftests(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	tests, err := c.Selftests(ctx, h)
	if err != nil {
		return part{}, err
	}
	return listed(h, tests, name, devlink.Selftest.String, func(w io.Writer, tests []devlink.Selftest) error {
		for _, t := range tests {
			fmt.Fprintln(w, t)
		}
		return nil
	})
}
