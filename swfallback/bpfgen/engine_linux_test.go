package bpfgen

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// kernelEngine runs the XDP program of an object by BPF_PROG_TEST_RUN and fills its maps. It stands in for
// swfallback, which needs interfaces.
type kernelEngine struct {
	o     *Object
	c     *ebpf.Collection
	rules map[*pipeline.Table][]*pipeline.Entry
	next  map[*pipeline.Table]uint32
}

// newKernelEngine compiles and loads a program; where it is not supported the test is skipped.
func newKernelEngine(t *testing.T, p *pipeline.Program, opts Options) *kernelEngine {
	t.Helper()
	o, err := Compile(p, opts)
	if err != nil {
		if limit := new(LimitError); errors.Is(err, errors.ErrUnsupported) || errors.As(err, &limit) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	e := &kernelEngine{o: o, c: load(t, o), rules: make(map[*pipeline.Table][]*pipeline.Entry),
		next: make(map[*pipeline.Table]uint32)}
	for _, tab := range p.Tables {
		e.rules[tab] = slices.Clone(tab.Entries)
		e.next[tab] = uint32(len(tab.Entries))
	}
	return e
}

func (e *kernelEngine) engine() stf.Engine {
	return stf.Engine{Program: e.o.Program, Target: e, Wire: stf.Synchronous(e.process)}
}

func (e *kernelEngine) Insert(entries ...*pipeline.Entry) error {
	for _, en := range entries {
		if err := pipeline.CheckEntry(en); err != nil {
			return err
		}
		l := e.o.Tables[en.Table.Index]
		e.next[en.Table]++
		if l.Kind == LookupClassifier {
			e.rules[en.Table] = append(e.rules[en.Table], en)
			if err := e.rebuild(l); err != nil {
				return err
			}
			continue
		}
		key, err := l.AppendKey(nil, en)
		if err != nil {
			return err
		}
		value, err := l.AppendValue(nil, en, e.next[en.Table])
		if err != nil {
			return err
		}
		if err := e.c.Maps[l.Map].Put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// rebuild swaps in a new classifier.
func (e *kernelEngine) rebuild(l *TableLayout) error {
	slots := make([]uint32, len(e.rules[l.Table]))
	for i := range slots {
		slots[i] = uint32(i + 1)
	}
	spec, err := l.BuildClassifier(e.rules[l.Table], slots)
	if err != nil {
		return err
	}
	inner, err := ebpf.NewMap(spec)
	if err != nil {
		return err
	}
	defer inner.Close()
	return e.c.Maps[l.Map].Put(uint32(0), inner)
}

func (e *kernelEngine) Modify(entries ...*pipeline.Entry) error {
	return fmt.Errorf("modify: %w", errors.ErrUnsupported)
}

func (e *kernelEngine) Delete(entries ...*pipeline.Entry) error {
	return fmt.Errorf("delete: %w", errors.ErrUnsupported)
}

func (e *kernelEngine) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	l := e.o.Tables[t.Index]
	if l == nil || l.DefaultMap == "" {
		return pipeline.ErrImmutable
	}
	value, err := l.AppendDefault(nil, call)
	if err != nil {
		return err
	}
	return e.c.Maps[l.DefaultMap].Put(uint32(0), value)
}

func (e *kernelEngine) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	return nil, fmt.Errorf("entries: %w", errors.ErrUnsupported)
}

func (e *kernelEngine) ReadCounter(c *pipeline.Counter, i int) (pipeline.Count, error) {
	var total pipeline.Count
	name := ""
	if c.Table != nil {
		name, i = e.o.Tables[c.Table.Index].CounterMap, i+1
	} else {
		name = e.o.Counters[c].Map
	}
	var per []pipeline.Count
	if err := e.c.Maps[name].Lookup(uint32(i), &per); err != nil {
		return total, err
	}
	for _, n := range per {
		total.Packets += n.Packets
		total.Bytes += n.Bytes
	}
	return total, nil
}

// putPortOf makes an interface a P4 port.
func putPortOf(o *Object, c *ebpf.Collection, ifindex int, port uint32) error {
	m := c.Maps[o.PortOfMap]
	value, err := m.LookupBytes(uint32(0))
	if err == nil {
		err = o.PutPortOf(value, ifindex, port)
	}
	if err != nil {
		return err
	}
	return m.Put(uint32(0), value)
}

// process runs the program on one packet; the interface of BPF_PROG_TEST_RUN is the loopback, whose index is 1.
func (e *kernelEngine) process(port uint32, packet []byte) ([]stf.Received, error) {
	if err := putPortOf(e.o, e.c, 1, port); err != nil {
		return nil, err
	}
	prefix := e.o.Options.Prefix
	frame := append(make([]byte, prefix), packet...)
	run := &ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+256)}
	if _, err := e.c.Programs[ProgramXDP].Run(run); err != nil {
		return nil, err
	}
	out := run.DataOut[min(prefix, len(run.DataOut)):]
	var v Verdict
	if err := e.c.Maps[e.o.VerdictMap].Lookup(uint32(0), &v); err != nil {
		return nil, err
	}
	switch v.Fate {
	case FateForwarded:
		return []stf.Received{{Port: v.Port, Packet: out}}, nil
	case FateHost:
		return []stf.Received{{Port: e.o.Options.HostPort, Packet: out}}, nil
	case FateReplicated:
		return nil, fmt.Errorf("replication: %w", errors.ErrUnsupported)
	case FateFailed:
		return nil, errors.New("a helper refused")
	}
	return nil, nil
}
