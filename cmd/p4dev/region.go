package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

func (a *app) regionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "region",
		Short: "Read regions of a device's memory, and take snapshots of them",
		Long:  `Works with the regions that "show DEV regions" lists.`,
	}
	cmd.AddCommand(a.regionReadCommand(), a.regionNewCommand(), a.regionDeleteCommand())
	return cmd
}

// regionFlags say what to read.
type regionFlags struct {
	snapshot        string
	address, length string
	output          string
}

func (a *app) regionReadCommand() *cobra.Command {
	var f regionFlags
	cmd := &cobra.Command{
		Use:   "read DEV REGION",
		Short: "Read a region or a snapshot of it, whole or in part",
		Long: `Reads a region: the memory as it is now, or a snapshot. Where the driver or the kernel has no direct read (Linux has
it from 6.4 on), a snapshot is taken for the time of the reading. Numbers may be hexadecimal, 0x100.

The bytes are shown in hexadecimal, and written as they are with --output; "-" is standard output.`,
		Example: `  p4dev region read pci/0000:01:00.0 nvm-flash --address 0x100 --length 64
  p4dev region read pci/0000:01:00.0 nvm-flash --snapshot 1
  p4dev region read pci/0000:01:00.0 nvm-flash -o nvm.bin`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRegion(cmd.Context(), args, func(c *devlink.Client, r devlink.Region) error {
				return a.readRegion(cmd.Context(), c, r, f)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.snapshot, "snapshot", "", "number of a snapshot (default: the memory as it is now)")
	fl.StringVar(&f.address, "address", "0", "where to start, in bytes")
	fl.StringVar(&f.length, "length", "", "how many bytes (default: to the end)")
	fl.StringVarP(&f.output, "output", "o", "", "file for the bytes; - is standard output")
	return cmd
}

// withRegion runs f for the region that the arguments name.
func (a *app) withRegion(ctx context.Context, args []string, f func(*devlink.Client, devlink.Region) error) error {
	h, err := devlink.ParseHandle(args[0])
	if err != nil {
		return err
	}
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Device(ctx, h); err != nil {
		return err
	}
	regions, err := c.Regions(ctx, h)
	if err != nil {
		return err
	}
	found, err := pick(h, regions, args[1], regionName)
	if err != nil {
		return err
	}
	if found[0].Port != nil {
		return fmt.Errorf("%s %s: regions of ports are shown, not read", h, args[1])
	}
	return f(c, found[0])
}

// request makes the request of the flags and checks it against the region.
func (f regionFlags) request(r devlink.Region) (devlink.RegionRead, error) {
	req := devlink.RegionRead{Region: r.Name}
	var err error
	if f.snapshot != "" {
		id, err := snapshotID(r, f.snapshot)
		if err != nil {
			return req, err
		}
		req.Snapshot = &id
	}
	if req.Offset, err = strconv.ParseUint(f.address, 0, 64); err != nil {
		return req, fmt.Errorf("address %q: want a number", f.address)
	}
	if req.Offset >= r.Size {
		return req, fmt.Errorf("address %#x: region %s has %#x bytes", req.Offset, r.Name, r.Size)
	}
	req.Length = r.Size - req.Offset
	if f.length != "" {
		n, err := strconv.ParseUint(f.length, 0, 64)
		if err != nil || n == 0 || n > req.Length {
			return req, fmt.Errorf("length %q: want a number, at most %#x from there", f.length, req.Length)
		}
		req.Length = n
	}
	return req, nil
}

// snapshotID reads the number of a snapshot that is there.
func snapshotID(r devlink.Region, text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("snapshot %q: want a number", text)
	}
	if !slices.Contains(r.Snapshots, uint32(id)) {
		return 0, fmt.Errorf("region %s has no snapshot %d: %w", r.Name, id, errMissing)
	}
	return uint32(id), nil
}

func (a *app) readRegion(ctx context.Context, c *devlink.Client, r devlink.Region, f regionFlags) error {
	req, err := f.request(r)
	if err != nil {
		return err
	}
	data, err := c.ReadRegion(ctx, r.Handle, req)
	if req.Snapshot == nil && noDirectRead(err) {
		data, err = readOwnSnapshot(ctx, c, r, req)
	}
	if err != nil {
		return err
	}
	return a.writeRegion(req.Offset, data, f.output)
}

// noDirectRead reports whether only snapshots of a region can be read: the driver's answer, or that of kernels before
// 6.4, to which a request without a snapshot is not valid.
func noDirectRead(err error) bool {
	var op *devlink.OpError
	return errors.Is(err, errors.ErrUnsupported) || errors.As(err, &op) && op.Errno == syscall.EINVAL
}

// readOwnSnapshot reads a snapshot that is taken for it and deleted afterwards.
func readOwnSnapshot(ctx context.Context, c *devlink.Client, r devlink.Region, req devlink.RegionRead) ([]byte, error) {
	id, err := c.NewSnapshot(ctx, r.Handle, r.Name, nil)
	if err != nil {
		return nil, err
	}
	req.Snapshot = &id
	data, err := c.ReadRegion(ctx, r.Handle, req)
	return data, errors.Join(err, c.DelSnapshot(context.WithoutCancel(ctx), r.Handle, r.Name, id))
}

// writeRegion shows bytes, or writes them to a file as they are.
func (a *app) writeRegion(address uint64, data []byte, file string) error {
	switch file {
	case "":
	case "-":
		_, err := a.out.Write(data)
		return err
	default:
		return os.WriteFile(file, data, 0o644)
	}
	numbers := make([]int, len(data)) // bytes as numbers, not as base64
	for i, b := range data {
		numbers[i] = int(b)
	}
	view := struct {
		Address uint64 `json:"address"`
		Data    []int  `json:"data"`
	}{address, numbers}
	return a.render(map[string]any{"read": view}, func(w io.Writer) error { return hexDump(w, address, data) })
}

// hexDump writes lines of an address and 16 bytes.
func hexDump(w io.Writer, address uint64, data []byte) error {
	for at := 0; at < len(data); at += 16 {
		line := fmt.Sprintf("%016x", address+uint64(at))
		for _, b := range data[at:min(at+16, len(data))] {
			line += " " + hex.EncodeToString([]byte{b})
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) regionNewCommand() *cobra.Command {
	var id uint32
	cmd := &cobra.Command{
		Use:               "new DEV REGION",
		Short:             "Take a snapshot of a region",
		Example:           `  p4dev region new pci/0000:01:00.0 nvm-flash --snapshot 7`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRegion(cmd.Context(), args, func(c *devlink.Client, r devlink.Region) error {
				var chosen *uint32
				setWhere(cmd, "snapshot", &chosen, id)
				got, err := c.NewSnapshot(cmd.Context(), r.Handle, r.Name, chosen)
				if err != nil {
					return err
				}
				key := r.Handle.String() + "/" + regionName(r)
				view := map[string]any{key: map[string][]uint32{"snapshot": {got}}}
				return a.render(map[string]any{"regions": view}, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "snapshot %d of %s\n", got, key)
					return err
				})
			})
		},
	}
	cmd.Flags().Uint32Var(&id, "snapshot", 0, "number of the snapshot (default: one that is free)")
	return cmd
}

func (a *app) regionDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "delete DEV REGION SNAPSHOT",
		Short:             "Delete a snapshot of a region",
		Example:           `  p4dev region delete pci/0000:01:00.0 nvm-flash 7`,
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRegion(cmd.Context(), args, func(c *devlink.Client, r devlink.Region) error {
				id, err := snapshotID(r, args[2])
				if err != nil {
					return err
				}
				if err := c.DelSnapshot(cmd.Context(), r.Handle, r.Name, id); err != nil {
					return err
				}
				return a.done(fmt.Sprintf("deleted snapshot %d", id))
			})
		},
	}
}
