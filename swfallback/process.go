package swfallback

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// Verdict is what the program did with a packet that Process gave it.
type Verdict struct {
	Fate  bpfgen.Fate
	Port  uint32 // where it went, of FateForwarded and FateHost
	Frame []byte // as the program left it
}

// ethernetHeader is the length of an Ethernet header in bytes.
const ethernetHeader = 14

// loopback is the index of the loopback in every network namespace: where test runs come in.
const loopback = 1

// Process runs the program on one packet, as if it had come in on a port, without any interface. The program must
// have been attached with Options.Verdict. Packets that the tc program would replicate are not followed:
// FateReplicated. errors.ErrUnsupported: the packet, with Options.Prefix in front, is shorter than an Ethernet header,
// which no interface takes.
func (f *Fallback) Process(ctx context.Context, port uint32, frame []byte) (Verdict, error) {
	leave, err := f.enterContext(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("swfallback: process packet: %w", err)
	}
	defer leave()
	v, err := f.gen.process(ctx, port, frame)
	if err != nil {
		return Verdict{}, fmt.Errorf("swfallback: process packet: %w", err)
	}
	return v, nil
}

func (g *generation) process(ctx context.Context, port uint32, frame []byte) (Verdict, error) {
	if g.object.VerdictMap == "" {
		return Verdict{}, fmt.Errorf("attached without Options.Verdict: %w", errors.ErrUnsupported)
	}
	prefix := g.object.Options.Prefix
	if len(frame)+prefix < ethernetHeader {
		return Verdict{}, fmt.Errorf("packet of %d bytes: %w", len(frame), errors.ErrUnsupported)
	}
	frame = append(make([]byte, prefix, prefix+len(frame)), frame...)
	if err := g.writePortOf(map[uint32]int{port: loopback}); err != nil {
		return Verdict{}, err
	}
	m, err := g.dp.Map(g.object.VerdictMap)
	if err != nil {
		return Verdict{}, err
	}
	unset := binary.LittleEndian.AppendUint64(nil, 1<<64-1)
	if err := m.Update(uint32(0), unset, ebpf.UpdateAny); err != nil {
		return Verdict{}, fmt.Errorf("clear verdict: %w", err)
	}
	result, err := g.dp.TestRun(ctx, bpfrun.TestRun{Frame: frame})
	if err != nil {
		return Verdict{}, err
	}
	value, err := m.LookupBytes(uint32(0))
	if err != nil || len(value) < 8 {
		return Verdict{}, fmt.Errorf("read verdict: %w", err)
	}
	v := Verdict{
		Fate:  bpfgen.Fate(binary.LittleEndian.Uint32(value)),
		Port:  binary.LittleEndian.Uint32(value[4:]),
		Frame: result.Frame[min(prefix, len(result.Frame)):],
	}
	switch {
	case v.Fate >= bpfgen.NumFates:
		return Verdict{}, fmt.Errorf("no verdict, action %d", result.Action)
	case v.Fate == bpfgen.FateHost:
		v.Port = g.object.Options.HostPort
	}
	return v, nil
}
