package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// match is two sides at work on a case; left is the reference.
type match struct {
	ctx         context.Context
	left, right *side
	twin        *side // nil: the program depends on neither time nor chance
	of          *fuzz.Case
	config      []stf.Statement // of the case's lines
	ports       []uint32        // that packets can come out of; nil: all
	round       *Round
}

// over reports whether there is nothing more to compare.
func (m *match) over() bool {
	r := m.round
	return r.Difference != nil || len(r.DropConfig)+len(r.DropPackets) > 0
}

func (m *match) differ(kind string, at int, format string, args ...any) {
	m.round.Difference = &Difference{Kind: kind, At: at, Text: fmt.Sprintf(format, args...)}
}

// rehearse finds the packets that cannot be compared.
func (m *match) rehearse(part fuzz.Part) {
	for _, s := range m.config[part.From[0]:part.To[0]] {
		for _, side := range []*side{m.left, m.twin} {
			if side != nil {
				_ = side.player.Play(m.ctx, s) // what is refused shows when the other side is asked, too
			}
		}
	}
	for i := part.From[1]; i < part.To[1]; i++ {
		if _, ok := m.reference(i); !ok && m.ctx.Err() != nil {
			return
		}
	}
}

// configure plays lines of the configuration on all sides. They must agree on what they take.
func (m *match) configure(from, to int) error {
	for i := from; i < to; i++ {
		s := m.config[i]
		left := m.left.player.Play(m.ctx, s)
		if m.twin != nil {
			_ = m.twin.player.Play(m.ctx, s) // as left does
		}
		right := m.right.player.Play(m.ctx, s)
		if err := m.ctx.Err(); err != nil {
			return err
		}
		switch {
		case left == nil && right == nil:
		case left != nil && right != nil:
			m.round.DropConfig = append(m.round.DropConfig, i)
		case right != nil && Unsupported(right):
			m.round.DropConfig, m.round.Unsupported = []int{i}, right
			return nil
		default:
			m.differ("configuration", i, "%s\ninterp: %v\nbpf: %v", m.of.Config[i], orTaken(left), orTaken(right))
			return nil
		}
	}
	return nil
}

func orTaken(err error) string {
	if err == nil {
		return "taken"
	}
	return err.Error()
}

// exchange sends a packet to a side and returns what comes out at once.
func (m *match) exchange(s *side, p fuzz.Packet) ([]stf.Received, error) {
	if err := s.engine.Wire.Send(m.ctx, p.Port, p.Data); err != nil {
		return nil, err
	}
	return s.engine.Wire.Collect(m.ctx)
}

// reference gives a packet to the interpreter. It reports false for one that cannot be compared, which is dropped.
func (m *match) reference(i int) ([]stf.Received, bool) {
	p := m.of.Packets[i]
	out, err := m.exchange(m.left, p)
	if err != nil { // it loops, or an assertion failed
		m.round.DropPackets = append(m.round.DropPackets, i)
		return nil, false
	}
	if m.twin != nil {
		other, err := m.exchange(m.twin, p)
		if err != nil || !equalPackets(out, other) {
			m.round.DropPackets = append(m.round.DropPackets, i)
			return nil, false
		}
	}
	return out, true
}

// stepwise compares packet by packet.
func (m *match) stepwise(from, to int) error {
	for i := from; i < to; i++ {
		p := m.of.Packets[i]
		want, ok := m.reference(i)
		if !ok {
			return m.ctx.Err()
		}
		got, err := m.exchange(m.right, p)
		if err != nil {
			return fmt.Errorf("testbed: compare engines: %s: %w", p.Line(), err)
		}
		m.round.Sent++
		m.round.Expected = append(m.round.Expected, want)
		if !equalPackets(want, got) {
			m.differ("packets", i, "%s\ninterp:%s\nbpf:%s", p.Line(), packetsText(want), packetsText(got))
			return nil
		}
	}
	return nil
}

// together compares what comes out of each port when all packets are through: ports have no order among them.
func (m *match) together(from, to int) error {
	want := map[uint32][][]byte{}
	for i := from; i < to; i++ {
		out, ok := m.reference(i)
		if !ok {
			return m.ctx.Err()
		}
		m.round.Expected = append(m.round.Expected, out)
		for _, o := range out {
			want[o.Port] = append(want[o.Port], o.Packet)
		}
	}
	for _, p := range m.of.Packets[from:to] {
		if err := m.right.engine.Wire.Send(m.ctx, p.Port, p.Data); err != nil {
			return fmt.Errorf("testbed: compare engines: %s: %w", p.Line(), err)
		}
		m.round.Sent++
	}
	out, err := m.right.engine.Wire.Collect(m.ctx)
	if err != nil {
		return err
	}
	got := map[uint32][][]byte{}
	for _, o := range out {
		got[o.Port] = append(got[o.Port], o.Packet)
	}
	m.comparePorts(want, got)
	return nil
}

func (m *match) comparePorts(want, got map[uint32][][]byte) {
	ports := slices.Collect(maps.Keys(got))
	ports = append(ports, m.ports...)
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		for i := range max(len(want[port]), len(got[port])) {
			left, right := at(want[port], i), at(got[port], i)
			if left == nil || right == nil || !bytes.Equal(left, right) {
				m.differ("packets", -1, "port %d, packet %d\ninterp: %s\nbpf: %s", port, i, packetText(left), packetText(right))
				return
			}
		}
	}
}

func at(list [][]byte, i int) []byte {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func packetText(b []byte) string {
	if b == nil {
		return "nothing"
	}
	return fmt.Sprintf("%x", b)
}

func equalPackets(a, b []stf.Received) bool {
	return slices.EqualFunc(a, b, func(a, b stf.Received) bool { return a.Port == b.Port && bytes.Equal(a.Packet, b.Packet) })
}

func packetsText(out []stf.Received) string {
	if len(out) == 0 {
		return " nothing"
	}
	var b strings.Builder
	for _, o := range out {
		fmt.Fprintf(&b, " %d %x", o.Port, o.Packet)
	}
	return b.String()
}

// state compares what the engines hold behind the last packet.
func (m *match) state(p *pipeline.Program) {
	for _, compare := range []func(*pipeline.Program) error{m.entries, m.counters, m.registers, m.digests} {
		if err := compare(p); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			m.differ("state", -1, "%v", err)
		}
		if m.over() {
			return
		}
	}
}
