package bpfgen

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// portsEngine runs both programs of an object on virtual interfaces, one per port.
type portsEngine struct {
	*kernelEngine
	ports map[uint32]*bpftest.Port
	host  []stf.Received
}

// newPortsEngine attaches a program to n ports, numbered from 1.
func newPortsEngine(t *testing.T, p *pipeline.Program, n int) *portsEngine {
	t.Helper()
	bpftest.Require(t, "root", "bpf", "netns")
	e := &portsEngine{kernelEngine: newKernelEngine(t, p, Options{}), ports: make(map[uint32]*bpftest.Port)}
	ns := bpftest.NewNetNS(t)
	for i := range uint32(n) {
		port := i + 1
		w := ns.Tap(t, fmt.Sprintf("p%d", port))
		e.ports[port] = w
		index := uint32(w.Index)
		ns.Do(t, func() { e.put(t, e.o.PortsMap, port, index) }) // a device map looks in the caller's namespace
		must(t, putPortOf(e.o, e.c, w.Index, port))
		if e.o.IfindexOfMap != "" {
			e.put(t, e.o.IfindexOfMap, port, index)
		}
		ns.Do(t, func() { e.attach(t, w.Index) })
	}
	return e
}

func (e *portsEngine) put(t *testing.T, name string, key, value uint32) {
	t.Helper()
	if err := e.c.Maps[name].Put(key, value); err != nil {
		t.Fatalf("put %d into %s: %v", key, name, err)
	}
}

func (e *portsEngine) attach(t *testing.T, index int) {
	l, err := link.AttachXDP(link.XDPOptions{Program: e.c.Programs[ProgramXDP], Interface: index})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if e.c.Programs[ProgramTC] == nil {
		return
	}
	x, err := link.AttachTCX(link.TCXOptions{Program: e.c.Programs[ProgramTC], Interface: index, Attach: ebpf.AttachTCXIngress, Anchor: link.Head()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
}

// SetMulticastGroup implements stf.Replicator.
func (e *portsEngine) SetMulticastGroup(g pipeline.MulticastGroup) error {
	value, err := e.o.Multicast.AppendReplicas(nil, pipeline.CloneSession{Replicas: g.Replicas})
	if err != nil {
		return err
	}
	return e.c.Maps[e.o.Multicast.Map].Put(g.ID, value)
}

// SetCloneSession implements stf.Replicator.
func (e *portsEngine) SetCloneSession(pipeline.CloneSession) error { return pipeline.ErrNotFound }

// Send implements stf.Wire. What goes up the stack is collected at once: it has an order across ports.
func (e *portsEngine) Send(_ context.Context, port uint32, packet []byte) error {
	if err := e.ports[port].Send(packet); err != nil {
		return err
	}
	for {
		frame, err := e.ports[port].Host(5 * time.Millisecond)
		if err != nil {
			return nil
		}
		e.host = append(e.host, stf.Received{Port: e.o.Options.HostPort, Packet: frame})
	}
}

// Collect implements stf.Wire.
func (e *portsEngine) Collect(context.Context) ([]stf.Received, error) {
	out := e.host
	e.host = nil
	for port, w := range e.ports {
		for {
			frame, err := w.Recv(50 * time.Millisecond)
			if err != nil {
				break
			}
			out = append(out, stf.Received{Port: port, Packet: frame})
		}
	}
	return out, nil
}

func TestPorts(t *testing.T) {
	for _, c := range stftest.Own(t) {
		if c.Name != "p4/l2switch" && c.Name != "p4/l3router" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			test, err := c.Load()
			if err != nil {
				t.Fatal(err)
			}
			p, err := stftest.LoadProgram(c.Program)
			if err != nil {
				t.Fatal(err)
			}
			e := newPortsEngine(t, p, 7)
			result, err := stf.Run(t.Context(), test, stf.Engine{Program: p, Target: e, Wire: e})
			if err != nil {
				t.Fatal(err)
			}
			if err := result.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
