package simnic

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

func (b *bench) info() devlink.Info {
	b.t.Helper()
	info, err := b.client.Info(b.t.Context(), nicHandle)
	if err != nil {
		b.t.Fatal(err)
	}
	return info
}

func TestAdvertisement(t *testing.T) {
	b := newBench(t, Limits{Entries: map[string]int{"default": 1000}})
	if v := b.info().Versions; v.Running["fw.app"] != "" || v.Stored["fw.app"] != "" || len(v.Stored) != 3 {
		t.Errorf("versions without a program: %+v", v)
	}
	pkg := b.load("l3router", "1.2")
	want := fmt.Sprint(map[string]string{"fw.app": "1.2", "fw.app.name": "l3router", "fw.app.source": pkg.Manifest.Source})
	if v := b.info().Versions; fmt.Sprint(v.Running) != want || fmt.Sprint(v.Stored) != want {
		t.Errorf("versions %+v, want %s", v, want)
	}
	b.checkRegion(pkg.Component)
	b.checkTables()
	b.checkPorts()
}

// checkRegion wants the region byte for byte what the package has, by snapshot and directly.
func (b *bench) checkRegion(component func(string) (*io.SectionReader, error)) {
	b.t.Helper()
	r, err := component("pipeline")
	if err != nil {
		b.t.Fatal(err)
	}
	want, err := io.ReadAll(r)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx := b.t.Context()
	got, err := b.client.ReadRegion(ctx, nicHandle, devlink.RegionRead{Region: "p4-pipeline"})
	if err != nil || !bytes.Equal(got, want) {
		b.t.Errorf("direct read: %d bytes, %v, want %d", len(got), err, len(want))
	}
	id, err := b.client.NewSnapshot(ctx, nicHandle, "p4-pipeline", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	got, err = b.client.ReadRegion(ctx, nicHandle, devlink.RegionRead{Region: "p4-pipeline", Snapshot: &id})
	if err != nil || !bytes.Equal(got, want) {
		b.t.Errorf("snapshot: %d bytes, %v, want %d", len(got), err, len(want))
	}
}

// checkTables wants every key's field by its name and width, and resources that say what is free.
func (b *bench) checkTables() {
	t, ctx, program := b.t, b.t.Context(), b.nic.Program()
	headers, err := b.client.DpipeHeaders(ctx, nicHandle)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := b.client.DpipeTables(ctx, nicHandle)
	if err != nil {
		t.Fatal(err)
	}
	b.route()
	tree, err := b.client.Resources(ctx, nicHandle)
	if err != nil {
		t.Fatal(err)
	}
	room := map[string]string{}
	for _, table := range tables {
		model, err := program.TableByName(table.Name)
		if err != nil || len(table.Matches) != len(model.Keys) {
			t.Fatalf("table %+v: %v", table, err)
		}
		for i, m := range table.Matches {
			h, f := headers.Find(m.DpipeFieldRef)
			ref := model.Keys[i].Expr.(*pipeline.FieldRef)
			if f == nil || h.Name != ref.Header.Name || f.Name != ref.Field.Name || int(f.BitWidth) != ref.Field.Width {
				t.Errorf("table %s key %d: %+v %+v", table.Name, i, h, f)
			}
		}
		r, path := devlink.FindResource(tree, *table.ResourceID)
		room[path] = fmt.Sprintf("%d of %d", *r.Occ, r.Size)
		if r.Size != table.Size {
			t.Errorf("table %s: size %d, resource %d", table.Name, table.Size, r.Size)
		}
	}
	want := map[string]string{"/ingress/router_ingress.my_station": "1 of 64", "/ingress/router_ingress.ipv4_lpm": "1 of 1000",
		"/ingress/router_ingress.ipv6_lpm": "0 of 1000", "/ingress/router_ingress.nexthop": "1 of 1000", "/ingress/router_ingress.acl": "0 of 1000"}
	if fmt.Sprint(room) != fmt.Sprint(want) {
		t.Errorf("room %v\nwant %v", room, want)
	}
}

func (b *bench) checkPorts() {
	ports, err := b.client.Ports(b.t.Context(), nicHandle)
	if err != nil || len(ports) != 2 || ports[1].NetDev != "p2" || int(ports[1].IfIndex) != b.nic.ports[1].host.index {
		b.t.Errorf("ports %+v, %v", ports, err)
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t, Limits{})
	in := unhex(t, packetIn)
	b.send(b.wire[0], in)
	b.expect(b.host[0], in)
	got, err := b.client.Diagnose(t.Context(), nicHandle, "datapath")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(got); !strings.Contains(text, "no_program") || !strings.Contains(text, "received") {
		t.Errorf("diagnosis %s", text)
	}
}

// TestFlashKeeps flashes what is not fit to run, and what fails on the way: the device goes on as it was.
func TestFlashKeeps(t *testing.T) {
	b := newBench(t, Limits{})
	b.load("l3router", "1.0")
	b.route()
	b.writeDefaults()
	before := fmt.Sprint(b.info())
	_, image := buildPackage(t, "l2switch", "2.0")
	broken := bytes.Clone(image)
	broken[len(broken)-10] ^= 1
	b.files["p4dev/broken.p4fw"], b.files["p4dev/junk.p4fw"] = broken, []byte("junk")
	for _, file := range []string{"p4dev/broken.p4fw", "p4dev/junk.p4fw", "p4dev/missing.p4fw"} {
		var op *devlink.OpError
		err := b.client.Flash(t.Context(), nicHandle, devlink.FlashRequest{File: file}, nil)
		if !errors.As(err, &op) || op.Message == "" {
			t.Errorf("flash of %s: %v", file, err)
		}
	}
	b.nic.cfg.Limits.Faults.FailsAt = 50
	b.files["p4dev/good.p4fw"] = image
	var last devlink.FlashStatus
	err := b.client.Flash(t.Context(), nicHandle, devlink.FlashRequest{File: "p4dev/good.p4fw"}, func(s devlink.FlashStatus) { last = s })
	var op *devlink.OpError
	if !errors.As(err, &op) || op.Errno != syscall.EIO || op.Message != "flash cell failed at 50 percent" || last.Done != last.Total/2 {
		t.Errorf("flash that fails at half: %v after %+v", err, last)
	}
	if after := fmt.Sprint(b.info()); after != before {
		t.Errorf("info %s, before %s", after, before)
	}
	b.send(b.wire[0], unhex(t, packetIn))
	b.expect(b.wire[1], unhex(t, packetOut))
}

func TestActivation(t *testing.T) {
	b := newBench(t, Limits{Flash: FlashLimits{Reload: true, NoReset: true, ActivateMilliseconds: 300}})
	b.load("l3router", "1.0")
	if v := b.info().Versions; v.Running["fw.app"] != "" || v.Stored["fw.app"] != "1.0" {
		t.Errorf("versions before activation: %+v", v)
	}
	noReset := devlink.ReloadRequest{Action: devlink.ReloadFirmwareActivate, Limits: []devlink.ReloadLimit{devlink.ReloadNoReset}}
	if _, err := b.client.Reload(t.Context(), nicHandle, noReset); err != nil {
		t.Fatal(err)
	}
	if v := b.info().Versions; v.Running["fw.app"] != "1.0" {
		t.Errorf("versions after activation: %+v", v)
	}
	b.route()
	b.writeDefaults()
	b.load("l2switch", "2.0")
	b.send(b.wire[0], unhex(t, packetIn)) // the old program still runs
	b.expect(b.wire[1], unhex(t, packetOut))
	done := make(chan error)
	go func() {
		_, err := b.client.Reload(t.Context(), nicHandle, devlink.ReloadRequest{Action: devlink.ReloadFirmwareActivate})
		done <- err
	}()
	time.Sleep(100 * time.Millisecond)
	b.send(b.wire[0], unhex(t, packetIn))
	b.expect(b.host[0], unhex(t, packetIn))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s := b.nic.Stats(); s.Misses[Loading] != 1 {
		t.Errorf("stats %+v", s)
	}
	if v := b.info().Versions; v.Running["fw.app.name"] != "l2switch" {
		t.Errorf("versions after the second activation: %+v", v)
	}
}

func TestFaults(t *testing.T) {
	other := "sha256:" + strings.Repeat("ab", 32)
	b := newBench(t, Limits{Faults: Faults{Source: other, BadRegion: true, BadTables: true}})
	pkg := b.load("l3router", "1.0")
	if v := b.info().Versions; v.Running["fw.app.source"] != other {
		t.Errorf("source tag %v", v.Running)
	}
	r, _ := pkg.Component("pipeline")
	want, _ := io.ReadAll(r)
	if got, err := b.client.ReadRegion(t.Context(), nicHandle, devlink.RegionRead{Region: "p4-pipeline"}); err != nil ||
		len(got) != len(want) || bytes.Equal(got, want) {
		t.Errorf("region of %d bytes, %v", len(got), err)
	}
	if _, err := b.client.DpipeTable(t.Context(), nicHandle, "nowhere"); err != nil {
		t.Error(err)
	}
	v := newBench(t, Limits{Faults: Faults{VanishesAt: 30}})
	_, v.files["x"] = buildPackage(t, "l3router", "1.0")
	if err := v.client.Flash(t.Context(), nicHandle, devlink.FlashRequest{File: "x"}, nil); !errors.Is(err, devlink.ErrDeviceGone) {
		t.Errorf("flash of a device that vanishes: %v", err)
	}
}

func TestAgentLimits(t *testing.T) {
	b := newBench(t, Limits{Entries: map[string]int{"router_ingress.my_station": 2},
		Kinds: map[string][]string{"default": {"exact", "lpm"}}})
	agent := b.nic.Agent()
	if err := agent.Insert(&pipeline.Entry{}); !errors.Is(err, pipeline.ErrNoTable) {
		t.Errorf("insert without a program: %v", err)
	}
	b.load("l3router", "1.0")
	station := func(n int) *pipeline.Entry {
		return b.entry("my_station", fmt.Sprintf("%d 02:00:00:00:00:01", n), "route", "")
	}
	if err := agent.Insert(station(1), station(2), station(3)); !errors.Is(err, pipeline.ErrTableFull) {
		t.Errorf("three into two: %v", err)
	}
	b.insert(station(1), station(2))
	if err := agent.Insert(station(1)); !errors.Is(err, pipeline.ErrTableFull) && !errors.Is(err, pipeline.ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	if err := agent.Delete(station(2)); err != nil {
		t.Fatal(err)
	}
	b.insert(station(3))
	acl, err := pipeline.ParseEntry(b.nic.Program(), "acl", nil, "drop", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Insert(acl); !errors.Is(err, pipeline.ErrBadMatch) {
		t.Errorf("ternary entry: %v", err)
	}
	old := station(4)
	b.load("l2switch", "1.0")
	if err := agent.Insert(old); !errors.Is(err, pipeline.ErrNoTable) {
		t.Errorf("entry of another program: %v", err)
	}
}

// TestUnknownNames: what the limits name and the program does not have is told.
func TestUnknownNames(t *testing.T) {
	b := newBench(t, Limits{})
	b.load("l3router", "1.0")
	l := Limits{Entries: map[string]int{"default": 1, "router_ingress.acl": 1, "acl": 1},
		Kinds:   map[string][]string{"router_ingress.ipv4_lmp": {"lpm"}, "router_ingress.nexthop": {"exact"}},
		Headers: []string{"ipv4", "ethernet_t", "ipv5"}, Actions: []string{"router_ingress.drop", "drop"}}
	want := []string{"action drop", "header ipv5", "table acl", "table router_ingress.ipv4_lmp"}
	if got := l.unknown(b.nic.Program()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "limits.json")
	write := func(text string) error {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadLimits(path)
		return err
	}
	good := `{"entries": {"default": 10}, "kinds": {"default": ["exact"]}, "headers": ["ethernet_t"], "packets_per_second": 5,
		"unsupported_actions": ["a"], "flash": {"milliseconds": 1, "reload": true}, "faults": {"flash_fails_at": 50}}`
	if err := write(good); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "{} {}", `{"entry": 1}`, `{"kinds": {"x": ["regex"]}}`, `{"entries": {"x": -1}}`, `{"faults": {"flash_fails_at": 101}}`} {
		if write(text) == nil {
			t.Errorf("accepted %s", text)
		}
	}
	if _, err := ReadLimits(filepath.Join(path, "x")); err == nil || errors.Is(err, fs.ErrNotExist) == false && !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("missing file: %v", err)
	}
}

// TestClose wants every network device gone, also when New fails halfway.
func TestClose(t *testing.T) {
	b := newBench(t, Limits{})
	ns := namespace(t)
	cfg := Config{Bus: "pci", Dev: "0000:02:00.0", Ports: []PortConfig{
		{Host: "a", HostNamespace: ns, Wire: "b", WireNamespace: ns}, {Host: "a", HostNamespace: ns, Wire: "c", WireNamespace: ns}}}
	if _, err := New(b.kernel, cfg); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("two devices of one name: %v", err)
	}
	cfg.Ports = cfg.Ports[:1]
	n, err := New(b.kernel, cfg)
	if err != nil {
		t.Fatal(err)
	}
	devices := func() []string {
		var names []string
		if err := inNamespace(ns, func() error {
			list, err := net.Interfaces()
			for _, i := range list {
				names = append(names, i.Name)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		return names
	}
	if got := fmt.Sprint(devices()); got != "[a b lo]" {
		t.Errorf("devices %s", got)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(devices()); got != "[lo]" {
		t.Errorf("devices after close: %s", got)
	}
}
