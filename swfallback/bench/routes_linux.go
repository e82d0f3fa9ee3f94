package bench

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// route is a prefix of an address.
type route struct {
	address [16]byte // left-aligned
	length  int
}

// share says how many routes in a thousand have a length.
type share struct{ length, perMille int }

// shares4 and shares6 are about those of the Internet's tables: 60 % /24, and nearly half /48.
func shares4() []share {
	return []share{{24, 600}, {23, 90}, {22, 115}, {21, 45}, {20, 42}, {19, 25}, {18, 14}, {17, 9}, {16, 14},
		{15, 3}, {14, 2}, {13, 1}, {12, 1}, {25, 5}, {28, 8}, {29, 8}, {30, 8}, {32, 10}}
}

func shares6() []share {
	return []share{{48, 460}, {32, 120}, {44, 100}, {40, 90}, {36, 50}, {46, 40}, {47, 35}, {42, 30}, {33, 20},
		{34, 15}, {29, 20}, {64, 20}}
}

// addresses of routes, by the order in which a table is filled: the first one covers all others' measurements at
// size 1.
func routes(n int, shares []share, first route, spread func(*rand.Rand) [16]byte) []route {
	r, seen, list := newRandom(3), make(map[route]bool, n), []route{first}
	for len(list) < n {
		pick := r.IntN(1000)
		for _, s := range shares {
			if pick -= s.perMille; pick >= 0 {
				continue
			}
			one := route{address: spread(r), length: s.length}
			clearFrom(&one.address, s.length)
			if !seen[one] {
				seen[one] = true
				list = append(list, one)
			}
			break
		}
	}
	return list
}

// clearFrom sets the bits of an address behind a prefix to 0.
func clearFrom(a *[16]byte, length int) {
	for bit := length; bit < 128; bit++ {
		a[bit/8] &^= 0x80 >> (bit % 8)
	}
}

// within returns a random address of a route.
func (r *route) within(random *rand.Rand) [16]byte {
	a := spreadAll(random)
	for bit := range r.length {
		mask := byte(0x80 >> (bit % 8))
		a[bit/8] = a[bit/8]&^mask | r.address[bit/8]&mask
	}
	return a
}

// spreadAll returns any address.
func spreadAll(r *rand.Rand) (a [16]byte) {
	binary.BigEndian.PutUint64(a[:], r.Uint64())
	binary.BigEndian.PutUint64(a[8:], r.Uint64())
	return a
}

// spread4 returns an address of 11.0.0.0 to 222.255.255.255.
func spread4(r *rand.Rand) [16]byte {
	a := spreadAll(r)
	a[0] = byte(11 + r.IntN(212))
	return a
}

// spread6 returns an address as registries hand them out: in some dozen blocks, many routes to an allocation.
func spread6(r *rand.Rand) [16]byte {
	a := spreadAll(r)
	blocks := [...]uint16{0x2001, 0x2400, 0x2401, 0x2402, 0x2403, 0x2404, 0x2405, 0x2406, 0x2407, 0x2409, 0x240e, 0x2600,
		0x2601, 0x2602, 0x2603, 0x2604, 0x2605, 0x2606, 0x2607, 0x260c, 0x2620, 0x2800, 0x2801, 0x2803, 0x2804, 0x2806,
		0x2a00, 0x2a01, 0x2a02, 0x2a03, 0x2a04, 0x2a05, 0x2a06, 0x2a07, 0x2a09, 0x2a0a, 0x2a0b, 0x2a0c, 0x2a0d, 0x2a0e,
		0x2a0f, 0x2a10, 0x2a12, 0x2a13, 0x2c0f}
	binary.BigEndian.PutUint16(a[:], blocks[r.IntN(len(blocks))])
	a[2] &= 0x0f
	a[3] &= 0xf8
	return a
}

// lpmTable is what differs between the two families.
type lpmTable struct {
	table, c  string // of the P4 and of the C program
	bytes     int    // of an address
	frame     []byte
	offset    int
	sizes     []int
	routes    []route
	patchWith func(out []byte, a [16]byte)
}

func table4() *lpmTable {
	t := &lpmTable{table: "ipv4_lpm", c: "ipv4_lpm", bytes: 4, frame: frame4(), offset: offFlow4, sizes: []int{1, 1000, 100_000, 1_000_000}}
	t.routes = routes(1_000_000, shares4(), route{address: [16]byte{10}, length: 8}, spread4)
	t.patchWith = func(out []byte, a [16]byte) {
		for i := range 4 {
			out[i], out[4+i] = ^a[i], a[i]
		}
		copy(out[8:], t.frame[offFlow4+8:][:8])
	}
	return t
}

func table6() *lpmTable {
	t := &lpmTable{table: "ipv6_lpm", c: "ipv6_lpm", bytes: 16, frame: frame6(), offset: offDst6, sizes: []int{1, 1000, 250_000}}
	t.routes = routes(250_000, shares6(), route{address: [16]byte{0x3f, 0xfe}, length: 32}, spread6)
	t.patchWith = func(out []byte, a [16]byte) { copy(out, a[:]) }
	return t
}

// entries makes entries of a P4 table, all to one next hop.
func (t *lpmTable) entries(table *pipeline.Table, list []route) []*pipeline.Entry {
	entries := make([]*pipeline.Entry, len(list))
	call := &pipeline.ActionCall{Action: table.Actions[0], Args: [][]byte{{0, 1}}}
	for i := range list {
		entries[i] = &pipeline.Entry{Table: table, Call: call,
			Match: []pipeline.Match{{Value: list[i].address[:t.bytes], Prefix: list[i].length}}}
	}
	return entries
}

// elements are the same for the trie of the C program, with route numbers from first on.
func (t *lpmTable) elements(list []route, first int) (keys, values []byte) {
	for i := range list {
		keys = append(append(keys, words(uint32(list[i].length))...), list[i].address[:t.bytes]...)
		values = append(values, words(1, uint32(first+i))...)
	}
	return keys, values
}

func lpm4Row(ctx context.Context, l *lab, out *Row) error {
	if err := l.lpmRow(ctx, out, table4()); err != nil {
		return err
	}
	out.against("hot", 1_000_000, 1.2)
	out.against("uniform", 1_000_000, 2)
	for _, kind := range []string{"hot", "uniform"} {
		out.atMost("1M "+kind+", p4dev / yardstick", out.point("1M "+kind).Ratio(), 0.5)
	}
	return nil
}

func lpm6Row(ctx context.Context, l *lab, out *Row) error {
	if err := l.lpmRow(ctx, out, table6()); err != nil {
		return err
	}
	out.against("hot", 250_000, 1.2)
	out.against("uniform", 250_000, 2)
	for _, kind := range []string{"hot", "uniform"} {
		out.atMost("250k "+kind+", p4dev / yardstick", out.point("250k "+kind).Ratio(), 0.5)
	}
	return nil
}

// lpmRow fills both programs' tables step by step and measures at every size.
func (l *lab) lpmRow(ctx context.Context, out *Row, t *lpmTable) error {
	source, err := sourceOf("l3router")
	if err != nil {
		return err
	}
	p := &pair{p4: "l3router", entries: nexthopOnly, c: "router", fill: fillNexthop}
	program, err := source.Program()
	if err != nil {
		return err
	}
	p.build = func() *pipeline.Program { return program }
	ours, err := p.open(ctx, l, nil)
	if err != nil {
		return err
	}
	one, err := p.open(ctx, l, nil)
	if err != nil {
		return err
	}
	c, err := p.openC(l)
	if err != nil {
		return err
	}
	table, err := program.TableByName(t.table)
	if err != nil {
		return err
	}
	if err := one.Insert(t.entries(table, []route{{}})...); err != nil { // the route that every destination has
		return err
	}
	done, random := 0, newRandom(4)
	for _, size := range t.sizes {
		more := t.routes[done:size]
		keys, values := t.elements(more, 1+done)
		if _, err := bpfrun.UpdateBatch(c.Maps[t.c], keys, values, len(more)); err != nil {
			return err
		}
		if err := ours.Insert(t.entries(table, more)...); err != nil {
			return err
		}
		done = size
		each := func(b []byte) {
			r := &t.routes[random.IntN(size)]
			t.patchWith(b, r.within(random))
		}
		programs := []*ebpf.Program{ours.program, c.Programs["router"]}
		if size == t.sizes[len(t.sizes)-1] {
			programs = append(programs, one.program)
		}
		if err := l.sweep(ctx, out, size, t.frame, t.offset, each, programs...); err != nil {
			return err
		}
	}
	return nil
}

const nexthopOnly = `
add my_station std_meta.ingress_port:1 hdr.ethernet.dst_addr:0x020000000001 route()
add nexthop meta.nexthop_id:1 forward(port:2, smac:0x020000000002, dmac:0x0200000000b2)
`

func fillNexthop(maps map[string]*ebpf.Map, in uint32) error {
	return firstError(
		maps["my_station"].Put(append(words(in), unhex("020000000001 0000")...), words(1)),
		maps["nexthop"].Put(words(1), append(words(2), unhex("020000000002 0200000000b2")...)),
	)
}
