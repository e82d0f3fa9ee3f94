package simnic

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
	"github.com/p4dev/p4dev/testdata/p4"
)

var nicHandle = devlink.Handle{Bus: "pci", Dev: "0000:01:00.0"}

// buildPackage makes a package of one of p4dev's own programs.
func buildPackage(t testing.TB, name, version string) (*firmware.Package, []byte) {
	t.Helper()
	read := func(suffix string) []byte {
		data, err := fs.ReadFile(p4.FS, name+suffix)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	source, err := firmware.ReadSource(p4.FS, name+".p4")
	if err != nil {
		t.Fatal(err)
	}
	short := name[strings.LastIndex(name, "/")+1:]
	pkg, err := firmware.Build(firmware.BuildOptions{Name: short, Version: version, Source: source,
		Pipeline: read(".json"), P4Info: read(".p4info.txtpb")})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := pkg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return pkg, b.Bytes()
}

// firmwareFiles are what the kernel of a test finds under /lib/firmware.
type firmwareFiles map[string][]byte

func (f firmwareFiles) load(name string) ([]byte, error) {
	if data, ok := f[name]; ok {
		return data, nil
	}
	return nil, os.ErrNotExist
}

// namespace makes a network namespace that lives as long as the test, and returns its path.
func namespace(t testing.TB) string {
	t.Helper()
	type result struct {
		file *os.File
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not used again
		var r result
		if r.err = unix.Unshare(unix.CLONE_NEWNET); r.err == nil {
			_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
			r.file, r.err = os.Open("/proc/thread-self/ns/net")
		}
		done <- r
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { r.file.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", r.file.Fd())
}

// bench is a NIC with two ports, a packet socket at each of the four ends, and a devlink client.
type bench struct {
	t          testing.TB
	nic        *NIC
	kernel     *sim.Kernel
	client     *devlink.Client
	files      firmwareFiles
	host, wire [2]*bpftest.Socket
}

func newBench(t testing.TB, limits Limits) *bench {
	t.Helper()
	bpftest.Require(t, "root", "netns")
	b := &bench{t: t, files: firmwareFiles{}}
	b.kernel = sim.New(sim.Options{Firmware: b.files.load})
	hostNS, wireNS := namespace(t), namespace(t)
	cfg := Config{Bus: nicHandle.Bus, Dev: nicHandle.Dev, Limits: limits}
	for i := range 2 {
		cfg.Ports = append(cfg.Ports, PortConfig{Host: fmt.Sprintf("p%d", i+1), HostNamespace: hostNS,
			Wire: fmt.Sprintf("w%d", i+1), WireNamespace: wireNS})
	}
	var err error
	if b.nic, err = New(b.kernel, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.nic.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, c := range cfg.Ports {
		b.host[i], b.wire[i] = b.socket(hostNS, c.Host), b.socket(wireNS, c.Wire)
	}
	b.client = devlink.New(func(context.Context) (devlink.Endpoint, error) { return b.kernel.Dial(), nil })
	t.Cleanup(func() { b.client.Close() })
	return b
}

func (b *bench) socket(ns, device string) *bpftest.Socket {
	b.t.Helper()
	var s *bpftest.Socket
	if err := inNamespace(ns, func() (err error) { s, err = bpftest.OpenSocket(device); return err }); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { s.Close() })
	return s
}

// load flashes one of p4dev's programs.
func (b *bench) load(name, version string) *firmware.Package {
	b.t.Helper()
	pkg, image := buildPackage(b.t, name, version)
	b.files["p4dev/x.p4fw"] = image
	if err := b.client.Flash(b.t.Context(), nicHandle, devlink.FlashRequest{File: "p4dev/x.p4fw", Component: "fw.app"}, nil); err != nil {
		b.t.Fatal(err)
	}
	return pkg
}

// entry reads an entry from words: table, keys, action, arguments.
func (b *bench) entry(table, keys, action, args string) *pipeline.Entry {
	b.t.Helper()
	e, err := pipeline.ParseEntry(b.nic.Program(), table, strings.Fields(keys), action, strings.Fields(args), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func (b *bench) insert(entries ...*pipeline.Entry) {
	b.t.Helper()
	if err := b.nic.Agent().Insert(entries...); err != nil {
		b.t.Fatal(err)
	}
}

// writeDefaults writes every table's own default entry, as the manager does for tables that are complete.
func (b *bench) writeDefaults() {
	b.t.Helper()
	for _, t := range b.nic.Program().Tables {
		if t.Default != nil && !t.Hidden {
			if err := b.nic.Agent().SetDefault(t, t.Default); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const patience = 30 * time.Second

// expect wants one frame at a socket and silence at all others.
func (b *bench) expect(at *bpftest.Socket, frame []byte) {
	b.t.Helper()
	if at != nil {
		got, err := at.Recv(patience)
		if err != nil {
			b.t.Fatalf("no frame: %v; %+v", err, b.nic.Stats())
		}
		if !bytes.Equal(got, frame) {
			b.t.Fatalf("received\n%x\nwant\n%x", got, frame)
		}
	}
	for i, s := range []*bpftest.Socket{b.host[0], b.host[1], b.wire[0], b.wire[1]} {
		if got, err := s.Recv(10 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			b.t.Fatalf("end %d received %x, %v; want nothing", i, got, err)
		}
	}
}

func (b *bench) send(at *bpftest.Socket, frame []byte) {
	b.t.Helper()
	if err := at.Send(frame); err != nil {
		b.t.Fatal(err)
	}
}

// A routed packet of l3router as it comes in at port 1 and as it leaves from port 2.
const (
	packetIn  = "0200000000010200000000aa0800 4500002000014000401125ca0a0000010a010101 045708ae000c0000 cafef00d"
	packetOut = "0200000000b20200000000020800 45000020000140003f1126ca0a0000010a010101 045708ae000c0000 cafef00d"
)

// route fills l3router's tables for the packet, without any default entry.
func (b *bench) route() {
	b.t.Helper()
	b.insert(b.entry("my_station", "1 02:00:00:00:00:01", "route", ""),
		b.entry("ipv4_lpm", "10.1.0.0/16", "set_nexthop", "1"),
		b.entry("nexthop", "1", "forward", "2 02:00:00:00:00:02 02:00:00:00:00:b2"))
}

func TestForwarding(t *testing.T) {
	b := newBench(t, Limits{})
	in, out := unhex(t, packetIn), unhex(t, packetOut)
	b.send(b.wire[0], in) // no program: all is the host's
	b.expect(b.host[0], in)
	b.load("l3router", "1.0")
	b.send(b.wire[0], in) // no entries
	b.expect(b.host[0], in)
	b.route()
	b.send(b.wire[0], in) // the acl has neither entries nor a default entry
	b.expect(b.host[0], in)
	b.writeDefaults()
	b.send(b.wire[0], in)
	b.expect(b.wire[1], out)
	other := unhex(t, "0200000000010200000000aa0800 4500002000014000401125cb0a0000010b000001 045708ae000c0000 cafef00d")
	b.send(b.wire[0], other) // no route: the default sends it to port 509
	b.expect(b.host[0], other)
	b.send(b.host[1], in) // what the host sends meets no pipeline
	b.expect(b.wire[1], in)
	bad := bytes.Clone(in)
	bad[24]++ // checksum: the program drops it
	b.send(b.wire[0], bad)
	b.expect(nil, nil)
	s := b.nic.Stats()
	if s.Received != 6 || s.Hardware != 2 || s.Dropped != 1 || s.FromHost != 1 || s.Lost != 0 ||
		s.Misses[NoProgram] != 1 || s.Misses[NoEntry] != 2 || s.Misses[ToHost] != 1 || len(s.Misses) != 3 {
		t.Errorf("stats %+v", s)
	}
}

// TestCounters wants packets that are handed over to leave no trace in the device's counters, where the host
// will count them.
func TestCounters(t *testing.T) {
	b := newBench(t, Limits{})
	b.load("l3router", "1.0")
	b.route()
	in := unhex(t, packetIn)
	table, err := b.nic.Program().TableByName("ipv4_lpm")
	if err != nil {
		t.Fatal(err)
	}
	count := func(want uint64) {
		t.Helper()
		list, err := b.nic.Agent().Entries(table)
		if err != nil || len(list) != 1 || list[0].Count.Packets != want || list[0].Count.Bytes != want*uint64(len(in)) {
			t.Errorf("entries %+v, %v, want %d packets", list, err, want)
		}
	}
	b.send(b.wire[0], in)
	b.expect(b.host[0], in)
	count(0)
	b.writeDefaults()
	b.send(b.wire[0], in)
	b.expect(b.wire[1], unhex(t, packetOut))
	count(1)
	if err := b.client.SetDpipeCounters(t.Context(), nicHandle, table.Name, true); err != nil {
		t.Error(err)
	}
	for e, err := range b.client.DpipeEntries(t.Context(), nicHandle, table.Name) {
		if err != nil || e.Counter != 1 || e.Match[0].Value.String() != "0x0a010000" || e.Match[0].Mask.String() != "0xffff0000" {
			t.Errorf("dpipe entry %+v, %v", e, err)
		}
	}
}

// TestHandedOver goes through the reasons for which a packet that could be forwarded is not.
func TestHandedOver(t *testing.T) {
	in, out := unhex(t, packetIn), unhex(t, packetOut)
	tests := []struct {
		limits Limits
		reason Reason
	}{
		{Limits{Headers: []string{"ethernet_t", "ipv4_t"}}, UnknownHeader},
		{Limits{Actions: []string{"router_ingress.set_nexthop"}}, CannotRun},
		{Limits{Headers: []string{"ethernet_t", "ipv4_t", "udp_t"}}, -1},
	}
	for _, tt := range tests {
		b := newBench(t, tt.limits)
		b.load("l3router", "1.0")
		b.route()
		b.writeDefaults()
		b.send(b.wire[0], in)
		if tt.reason < 0 {
			b.expect(b.wire[1], out)
			continue
		}
		b.expect(b.host[0], in)
		if s := b.nic.Stats(); s.Misses[tt.reason] != 1 || s.Hardware != 0 {
			t.Errorf("%v: stats %+v", tt.reason, s)
		}
	}
	b := newBench(t, Limits{})
	b.load("l3router", "1.0")
	b.route()
	b.writeDefaults()
	if err := b.client.SetParam(t.Context(), nicHandle, paramHandOver, devlink.CModeRuntime, true); err != nil {
		t.Fatal(err)
	}
	b.send(b.wire[0], in)
	b.expect(b.host[0], in)
	if s := b.nic.Stats(); s.Misses[Asked] != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestCopies wants packets that are to be flooded, and learned, at the host: the device does neither.
func TestCopies(t *testing.T) {
	b := newBench(t, Limits{})
	b.load("l2switch", "1.0")
	b.insert(b.entry("port_vlan", "1 0", "set_pvid", "10"),
		b.entry("smac", "10 02:00:00:00:00:01 1", "NoAction", ""),
		b.entry("dmac", "10 02:00:00:00:00:02", "forward", "2"),
		b.entry("vlan_flood", "10", "flood", "100"))
	for _, table := range []string{"dmac", "egress_vlan"} {
		tab, err := b.nic.Program().TableByName(table)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.nic.Agent().SetDefault(tab, tab.Default); err != nil {
			t.Fatal(err)
		}
	}
	known := unhex(t, "0200000000020200000000010800 cafef00d")
	flooded := unhex(t, "0200000000030200000000010800 cafef00d")
	learned := unhex(t, "0200000000020200000000770800 cafef00d")
	b.send(b.wire[0], known)
	b.expect(b.wire[1], known)
	b.send(b.wire[0], flooded)
	b.expect(b.host[0], flooded)
	b.send(b.wire[0], learned) // smac has no default entry
	b.expect(b.host[0], learned)
	if s := b.nic.Stats(); s.Misses[Copies] != 1 || s.Misses[NoEntry] != 1 || s.Hardware != 1 {
		t.Errorf("stats %+v", s)
	}
	smac, _ := b.nic.Program().TableByName("smac")
	if err := b.nic.Agent().SetDefault(smac, smac.Default); !errors.Is(err, pipeline.ErrBadAction) {
		t.Errorf("default entry that sends digests: %v", err)
	}
}

func TestRate(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBucket(100)
	passed := 0
	for i := range 1000 { // two seconds at 500 packets per second
		if b.take(now.Add(time.Duration(i) * 2 * time.Millisecond)) {
			passed++
		}
	}
	if passed < 205 || passed > 211 {
		t.Errorf("%d packets passed in 2 s, want 100 per second and a burst of 10", passed)
	}
	if !newBucket(0).take(now) {
		t.Error("no bound, and yet none passed")
	}
}
