package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// flow is a packet's addresses, protocol and ports, or a mask over them.
type flow struct {
	src, dst     uint32
	proto        uint8
	sport, dport uint16
}

func (f flow) and(m flow) flow {
	return flow{f.src & m.src, f.dst & m.dst, f.proto & m.proto, f.sport & m.sport, f.dport & m.dport}
}

// rule is an entry of the ternary table; its priority is its place in the list, from 1.
type rule struct{ value, mask flow }

// maskCounts are the numbers of masks that the ternary row measures.
func maskCounts() []int { return []int{1, 8, 32, 192, 1024} }

// randomFlow returns any flow.
func randomFlow(r *rand.Rand) flow {
	return flow{r.Uint32(), r.Uint32(), uint8(r.Uint32()), uint16(r.Uint32()), uint16(r.Uint32())}
}

// rules makes n rules over the given number of masks: prefixes of both addresses of 8 to 32 bits, and protocol and
// ports that are compared or not. With wild a third of the masks has only a source address, a third only a destination;
// there are not more than 200 such masks of each.
func rules(n, masks int, wild bool) []rule {
	r := newRandom(5)
	prefix := func() uint32 { return ^uint32(0) << (32 - (8 + r.IntN(25))) }
	var all []flow
	for len(all) < masks {
		m := flow{src: prefix(), dst: prefix()}
		m.proto -= uint8(r.IntN(2))
		m.sport -= uint16(r.IntN(2))
		m.dport -= uint16(r.IntN(2))
		switch {
		case wild && len(all)%3 == 0:
			m.src = 0
		case wild && len(all)%3 == 1:
			m.dst = 0
		}
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	list, seen := make([]rule, 0, n), make(map[rule]bool)
	for len(list) < n {
		one := rule{mask: all[len(list)%masks]}
		one.value = randomFlow(r).and(one.mask)
		if !seen[one] {
			seen[one] = true
			list = append(list, one)
		}
	}
	r.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// ruleEntries makes the entries of a table; with ranges the destination port is a range around the rule's.
func ruleEntries(t *pipeline.Table, list []rule) []*pipeline.Entry {
	be4 := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	be2 := func(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
	entries := make([]*pipeline.Entry, len(list))
	for i, r := range list {
		e := &pipeline.Entry{Table: t, Priority: int32(i + 1), Call: sendTo(t, 2), Match: []pipeline.Match{
			{Value: be4(r.value.src), Mask: be4(r.mask.src)}, {Value: be4(r.value.dst), Mask: be4(r.mask.dst)},
			{Value: []byte{r.value.proto}, Mask: []byte{r.mask.proto}}, {Value: be2(r.value.sport), Mask: be2(r.mask.sport)},
			{Value: be2(r.value.dport), Mask: be2(r.mask.dport)}}}
		if t.Keys[4].Kind == pipeline.MatchRange {
			low, high := uint16(0), ^uint16(0)
			if r.mask.dport != 0 {
				low, high = r.value.dport-min(r.value.dport, 700), r.value.dport+min(^r.value.dport, 900)
			}
			e.Match[4] = pipeline.Match{Value: be2(low), High: be2(high)}
		}
		entries[i] = e
	}
	return entries
}

// bytesOf writes a flow as the C program has it: as in the packet.
func (f flow) bytesOf() []byte {
	b := binary.BigEndian.AppendUint32(nil, f.src)
	b = binary.BigEndian.AppendUint32(b, f.dst)
	b = binary.BigEndian.AppendUint16(b, f.sport)
	b = binary.BigEndian.AppendUint16(b, f.dport)
	return append(b, f.proto, 0, 0, 0)
}

// fillTuples fills the C program: its masks by falling priority of their best rule.
func fillTuples(maps map[string]*ebpf.Map, list []rule) error {
	best := make(map[flow]int)
	var order []flow
	for i, r := range slices.Backward(list) {
		if best[r.mask] == 0 {
			best[r.mask] = i + 1
			order = append(order, r.mask)
		}
	}
	number := make(map[flow]int)
	for i, m := range order {
		number[m] = i
		if err := maps["masks"].Put(uint32(i), append(m.bytesOf(), words(uint32(best[m]), 1)...)); err != nil {
			return err
		}
	}
	for i, r := range list {
		key := append(r.value.bytesOf(), words(uint32(number[r.mask]))...)
		if err := maps["rules"].Put(key, words(uint32(i+1), 2)); err != nil {
			return err
		}
	}
	return maps["ports"].Put(uint32(2), uint32(loopback))
}

// frameOf writes the 16 bytes of a packet that rules look at, from the source address on. The protocol is in front
// of them and stays UDP.
func frameOf(out []byte, f flow) {
	binary.BigEndian.PutUint32(out, f.src)
	binary.BigEndian.PutUint32(out[4:], f.dst)
	binary.BigEndian.PutUint16(out[8:], f.sport)
	binary.BigEndian.PutUint16(out[10:], f.dport)
}

// ternarySeries is a table whose masks become more.
type ternarySeries struct {
	name  string
	rules int
	ports pipeline.MatchKind
	wild  bool
	masks []int
}

func ternaryTables() []ternarySeries {
	const some, many = 1024, 10_240
	series := []ternarySeries{
		{"1k rules", some, pipeline.MatchTernary, false, maskCounts()},
		{"10k rules", many, pipeline.MatchTernary, false, maskCounts()},
		{"10k rules, ranges", many, pipeline.MatchRange, false, maskCounts()},
		{"10k rules, wildcards", many, pipeline.MatchTernary, true, []int{32, 192}},
	}
	for _, few := range []int{1, 4, 16} {
		series = append(series, ternarySeries{fmt.Sprint(few, " rules"), few, pipeline.MatchTernary, false, []int{few}})
	}
	return series
}

func ternaryRow(ctx context.Context, l *lab, out *Row) error {
	for _, series := range ternaryTables() {
		for _, masks := range series.masks {
			p, err := l.ternaryPoint(ctx, &series, masks)
			if err != nil {
				return fmt.Errorf("%s, %d masks: %w", series.name, masks, err)
			}
			p.Series, p.Label = series.name, fmt.Sprintf("%s, %d masks", series.name, masks)
			out.Points = append(out.Points, *p)
		}
		if len(series.masks) < len(maskCounts()) {
			continue
		}
		one := out.point(series.name + ", 1 masks").Ours.Median
		out.atMost(series.name+", 192 masks / 1", out.point(series.name+", 192 masks").Ours.Median/one, 2)
		out.atMost(series.name+", 1024 masks / 1", out.point(series.name+", 1024 masks").Ours.Median/one, 3)
	}
	return nil
}

// ternaryPoint measures packets that each match a rule. The C program knows no ranges.
func (l *lab) ternaryPoint(ctx context.Context, series *ternarySeries, masks int) (*Point, error) {
	list := rules(series.rules, masks, series.wild)
	for i := range list {
		list[i].value.proto = 17 & list[i].mask.proto // packets are UDP
	}
	program, t := ternaryTable(len(list), series.ports)
	ours, err := l.attach(ctx, program, bpfgen.Options{}, nil)
	if err != nil {
		return nil, err
	}
	if err := ours.Insert(ruleEntries(t, list)...); err != nil {
		return nil, err
	}
	programs := []*ebpf.Program{ours.program}
	if series.ports != pipeline.MatchRange {
		c, err := l.yardstick("tss", nil)
		if err != nil {
			return nil, err
		}
		if err := fillTuples(c.Maps, list); err != nil {
			return nil, err
		}
		programs = append(programs, c.Programs["tss"])
	}
	r := newRandom(6)
	each := func(b []byte) {
		one := &list[r.IntN(len(list))]
		f := randomFlow(r).and(flow{^one.mask.src, ^one.mask.dst, 0, ^one.mask.sport, ^one.mask.dport})
		frameOf(b, flow{f.src | one.value.src, f.dst | one.value.dst, 17, f.sport | one.value.sport, f.dport | one.value.dport})
	}
	s := &stream{frame: frame4(), offset: offFlow4, patches: patches(4*hotPackets, each)}
	stats, err := l.perPacket(ctx, s, programs...)
	if err != nil {
		return nil, err
	}
	p := &Point{X: float64(masks), Ours: stats[0]}
	if len(stats) > 1 {
		p.Yard = &stats[1]
	}
	return p, nil
}
