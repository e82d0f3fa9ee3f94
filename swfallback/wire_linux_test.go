package swfallback

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// fabric is a target with ports in a network namespace of its own.
type fabric struct {
	*Fallback
	ns    *bpftest.NetNS
	ports map[uint32]*bpftest.Port
	seen  []stf.Received // read already
}

// maker makes a port: (*bpftest.NetNS).Veth or Tap.
type maker func(*bpftest.NetNS, testing.TB, string) *bpftest.Port

// newFabric attaches a program to new ports with the given numbers.
func newFabric(t testing.TB, s Source, mode bpfrun.Mode, makePort maker, numbers ...uint32) *fabric {
	t.Helper()
	bpftest.Require(t, "root", "bpf", "netns")
	fab := &fabric{ns: bpftest.NewNetNS(t), ports: make(map[uint32]*bpftest.Port)}
	names := make(map[uint32]string)
	for _, n := range numbers {
		names[n] = fmt.Sprintf("p%d", n)
		fab.ports[n] = makePort(fab.ns, t, names[n])
	}
	place := testPlace(t)
	fab.ns.Do(t, func() {
		var err error
		fab.Fallback, err = Attach(t.Context(), Config{
			Name: "test", Source: s, Ports: names, Mode: mode, Place: place, Options: bpfgen.Options{Stats: true},
		})
		skipUnsupported(t, err)
		if err != nil {
			t.Fatalf("%+v", err)
		}
	})
	t.Cleanup(func() { fab.Close() })
	return fab
}

// Send implements stf.Wire.
func (f *fabric) Send(_ context.Context, port uint32, packet []byte) error {
	p := f.ports[port]
	if p == nil {
		return fmt.Errorf("the fabric has no port %d", port)
	}
	if len(packet) < ethernetHeader {
		return fmt.Errorf("packet of %d bytes: %w", len(packet), errors.ErrUnsupported)
	}
	if err := p.Send(packet); err != nil {
		return err
	}
	// What goes to the host comes out of several devices: wait, so that it is read in the order of the packets.
	for start := time.Now(); time.Since(start) < settle; {
		got, err := f.poll()
		if f.seen = append(f.seen, got...); err != nil || len(got) > 0 {
			return err
		}
		time.Sleep(settle / 20)
	}
	return nil
}

// settle is how long a packet may take to come out.
const settle = 10 * time.Millisecond

// quiet is how long nothing must come out for all packets to be done.
const quiet = 100 * time.Millisecond

// Collect implements stf.Wire: it reads all ports until they have been quiet.
func (f *fabric) Collect(ctx context.Context) ([]stf.Received, error) {
	all := f.seen
	f.seen = nil
	for last := time.Now(); time.Since(last) < quiet; {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		got, err := f.poll()
		if err != nil {
			return all, err
		}
		if len(got) > 0 {
			all, last = append(all, got...), time.Now()
			continue
		}
		time.Sleep(time.Millisecond)
	}
	return all, nil
}

// poll reads what is there.
func (f *fabric) poll() ([]stf.Received, error) {
	var all []stf.Received
	host := f.Fallback.gen.object.Options.HostPort
	for _, number := range sortedPorts(f.ports) {
		p := f.ports[number]
		for port, recv := range map[uint32]func(time.Duration) ([]byte, error){number: p.Recv, host: p.Host} {
			for {
				packet, err := recv(0)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					break
				}
				if err != nil {
					return nil, err
				}
				all = append(all, stf.Received{Port: port, Packet: packet})
			}
		}
	}
	return all, nil
}

// runner is an stf.Wire of test runs, without any interface.
func runner(t testing.TB, f *Fallback) stf.Wire {
	return stf.Synchronous(func(port uint32, packet []byte) ([]stf.Received, error) {
		v, err := f.Process(t.Context(), port, packet)
		switch {
		case err != nil:
			return nil, err
		case v.Fate == bpfgen.FateReplicated:
			return nil, fmt.Errorf("packet is replicated: %w", errors.ErrUnsupported)
		case v.Fate != bpfgen.FateForwarded && v.Fate != bpfgen.FateHost:
			return nil, nil
		}
		return []stf.Received{{Port: v.Port, Packet: v.Frame}}, nil
	})
}

func engine(f *Fallback, wire stf.Wire) stf.Engine {
	return stf.Engine{Program: f.Program(), Target: f, Wire: wire}
}

var (
	_ stf.Target     = (*Fallback)(nil)
	_ stf.Replicator = (*Fallback)(nil)
	_ stf.Profiler   = (*Fallback)(nil)
	_ stf.Registrar  = (*Fallback)(nil)
	_ stf.Metered    = (*Fallback)(nil)

	_ stf.ValueSetter   = (*Fallback)(nil)
	_ stf.CounterWriter = (*Fallback)(nil)
)

// playFile runs a packet test of testdata/p4.
func playFile(t *testing.T, e stf.Engine, files ...string) {
	t.Helper()
	var tests []*stf.Test
	for _, file := range files {
		data, err := os.ReadFile("../testdata/p4/" + file)
		if err != nil {
			t.Fatal(err)
		}
		read := stf.Read
		if file[len(file)-4:] == ".cli" {
			read = stf.ReadCommands
		}
		test, err := read(file, data)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, test)
	}
	playTest(t, e, stf.Join(files[0], tests...))
}

// TestRouterOnWires plays the packet tests of l3router over veth pairs: every byte of every packet counts.
func TestRouterOnWires(t *testing.T) {
	for _, mode := range []bpfrun.Mode{bpfrun.ModeNative, bpfrun.ModeGeneric} {
		for _, files := range [][]string{{"l3router.stf"}, {"l3router.cli", "l3router_cli.stf"}} {
			t.Run(mode.String()+"/"+files[0], func(t *testing.T) {
				fab := newFabric(t, small(source(t, "l3router")), mode, (*bpftest.NetNS).Veth, 1, 2, 3)
				playFile(t, engine(fab.Fallback, fab), files...)
			})
		}
	}
}

// TestOwnPrograms plays all packet tests of testdata/p4 over real ports and in test runs. What the compiler says it
// does not support is skipped with its reason; the rest must be right. The ports are taps: some packets end within a
// VLAN tag, which the receiving end of a veth pair drops.
func TestOwnPrograms(t *testing.T) {
	for _, c := range stftest.Own(t) {
		t.Run("wire/"+c.Name, func(t *testing.T) {
			test, s := loadCase(t, c)
			fab := newFabric(t, s, bpfrun.ModeAuto, (*bpftest.NetNS).Tap, portsOf(test)...)
			playTest(t, engine(fab.Fallback, fab), test)
		})
		t.Run("run/"+c.Name, func(t *testing.T) {
			test, s := loadCase(t, c)
			f, err := Attach(t.Context(), Config{
				Name: "test", Source: s, Place: testPlace(t),
				Options: bpfgen.Options{Verdict: true, Prefix: ethernetHeader}, // some packets are shorter
			})
			skipUnsupported(t, err)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			playTest(t, engine(f, runner(t, f)), test)
		})
	}
}

func loadCase(t *testing.T, c stftest.Case) (*stf.Test, Source) {
	t.Helper()
	test, err := c.Load()
	if err != nil {
		t.Fatal(err)
	}
	var s Source
	if s.JSON, err = os.ReadFile(c.Program); err != nil {
		t.Fatal(err)
	}
	if s.P4Info, err = os.ReadFile(strings.TrimSuffix(c.Program, ".json") + ".p4info.txtpb"); err != nil {
		t.Fatal(err)
	}
	return test, small(s)
}

// portsOf returns the ports of a test that are interfaces.
func portsOf(test *stf.Test) []uint32 {
	ports := make(map[uint32]bool)
	for _, s := range test.Statements {
		switch s := s.(type) {
		case *stf.Packet:
			ports[s.Port] = true
		case *stf.Expect:
			ports[s.Port] = true
		}
	}
	delete(ports, 509)
	return sortedPorts(ports)
}

// playTest plays a test; one that asks for what the engine says it does not support is skipped.
func playTest(t *testing.T, e stf.Engine, test *stf.Test) {
	t.Helper()
	result, err := stf.Run(t.Context(), test, e)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if err := result.Err(); err != nil {
		t.Error(err)
	}
	if result.Sent == 0 {
		t.Error("the test sends nothing")
	}
}

func skipUnsupported(t testing.TB, err error) {
	t.Helper()
	var limit *bpfgen.LimitError
	if errors.Is(err, errors.ErrUnsupported) || errors.As(err, &limit) {
		t.Skip(err)
	}
}
