package bench

import (
	"context"
	"errors"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// pair is a P4 program and the C program that does the same, with the entries of both and a packet that takes the
// path that is measured: in on port 1, out on port 2.
type pair struct {
	p4      string                                           // of testdata/p4; "": made by build
	build   func() *pipeline.Program                         // when there is no p4
	entries string                                           // as packet tests write them
	c       string                                           // of testdata/bench: the file and its program
	fill    func(maps map[string]*ebpf.Map, in uint32) error // in is the interface of port 1
	frame   []byte
	resizes bool
}

func router4() pair {
	return pair{p4: "l3router", c: "router", frame: frame4(), entries: routerEntries, fill: fillRouter}
}

func router6() pair {
	return pair{p4: "l3router", c: "router", frame: frame6(), entries: routerEntries, fill: fillRouter}
}

const routerEntries = `
add my_station std_meta.ingress_port:1 hdr.ethernet.dst_addr:0x020000000001 route()
add ipv4_lpm hdr.ipv4.dst_addr:0x0a01**** set_nexthop(nexthop_id:1)
add ipv6_lpm hdr.ipv6.dst_addr:0x20010db80001******************** set_nexthop(nexthop_id:1)
add nexthop meta.nexthop_id:1 forward(port:2, smac:0x020000000002, dmac:0x0200000000b2)
`

func fillRouter(maps map[string]*ebpf.Map, in uint32) error {
	return firstError(
		maps["my_station"].Put(append(words(in), unhex("020000000001 0000")...), words(1)),
		maps["ipv4_lpm"].Put(append(words(16), 10, 1, 0, 0), words(1, 1)),
		maps["ipv6_lpm"].Put(append(words(48), unhex("20010db8000100000000000000000000")...), words(1, 2)),
		maps["nexthop"].Put(words(1), append(words(2), unhex("020000000002 0200000000b2")...)),
	)
}

func bridge() pair {
	return pair{p4: "l2switch", c: "bridge", frame: frameBridged(),
		entries: `
add port_vlan std_meta.ingress_port:1 hdr.vlan.$valid$:0 set_pvid(vid:10)
add smac meta.vid:10 hdr.ethernet.src_addr:0x020000000001 std_meta.ingress_port:1 NoAction()
add dmac meta.vid:10 hdr.ethernet.dst_addr:0x020000000002 forward(port:2)
`,
		fill: func(maps map[string]*ebpf.Map, in uint32) error {
			return firstError(
				maps["port_vlan"].Put(words(in, 0), words(10)),
				maps["smac"].Put(append(unhex("0a00 020000000001"), words(in)...), words(1)),
				maps["dmac"].Put(unhex("0a00 020000000002"), words(2)),
			)
		}}
}

const gatewayEntries = `
add port_vni std_meta.ingress_port:1 set_vni(vni:100)
add remote_vtep meta.vni:100 hdr.ethernet.dst_addr:0x0200000000b1 encap(vtep_src:0xc0a80001, vtep_dst:0xc0a80002, smac:0x060000000001, dmac:0x060000000002, port:2)
add local_vtep hdr.ipv4.dst_addr:0xc0a80001 hdr.vxlan.vni:100 hdr.inner_ethernet.dst_addr:0x0200000000a1 decap(port:2)
`

func fillGateway(maps map[string]*ebpf.Map, in uint32) error {
	return firstError(
		maps["port_vni"].Put(words(in), words(100)),
		maps["remote_vtep"].Put(append(words(100), unhex("0200000000b1 0000")...),
			append(unhex("c0a80001c0a80002"), append(words(2), unhex("060000000001 060000000002")...)...)),
		maps["local_vtep"].Put(append(unhex("c0a80001"), append(words(100), unhex("0200000000a1 0000")...)...), words(2)),
	)
}

func encap() pair {
	return pair{p4: "vxlan_gateway", c: "vxlan", frame: frameInner(), entries: gatewayEntries, fill: fillGateway, resizes: true}
}

func decap() pair {
	return pair{p4: "vxlan_gateway", c: "vxlan", frame: frameTunnelled(), entries: gatewayEntries, fill: fillGateway, resizes: true}
}

func forward() pair {
	return pair{build: forwarder, c: "forward", frame: frameBridged(), fill: func(map[string]*ebpf.Map, uint32) error { return nil }}
}

// open attaches the P4 program of a pair and fills its tables. The tables have the program's own sizes.
func (p *pair) open(ctx context.Context, l *lab, ports map[uint32]string) (*target, error) {
	program, err := p.program()
	if err != nil {
		return nil, err
	}
	t, err := l.attach(ctx, program, bpfgen.Options{}, ports)
	if err != nil {
		return nil, err
	}
	test, err := stf.Read("bench", []byte(p.entries))
	if err != nil {
		return nil, err
	}
	noPackets := stf.Synchronous(func(uint32, []byte) ([]stf.Received, error) { return nil, nil })
	_, err = stf.Run(ctx, test, stf.Engine{Program: t.Program(), Target: t.Fallback, Wire: noPackets})
	return t, err
}

func (p *pair) program() (*pipeline.Program, error) {
	if p.build != nil {
		return p.build(), nil
	}
	source, err := sourceOf(p.p4)
	if err != nil {
		return nil, err
	}
	return source.Program()
}

// openC loads the C program of a pair and fills its maps; its ports lead to the loopback.
func (p *pair) openC(l *lab) (*ebpf.Collection, error) {
	c, err := l.yardstick(p.c, nil)
	if err != nil {
		return nil, err
	}
	return c, firstError(p.fill(c.Maps, loopback), c.Maps["ports"].Put(uint32(2), uint32(loopback)))
}

// copies is how often programRow loads each program: where one happens to lie in memory changes its time by more than
// what is compared, so that each is measured in several places.
const copies = 8

// programRow compares the two programs of a pair.
func programRow(make func() pair) func(context.Context, *lab, *Row) error {
	return func(ctx context.Context, l *lab, out *Row) error {
		p := make()
		var ours, yard, special contender
		for range copies {
			t, err := p.open(ctx, l, nil)
			if err != nil {
				return err
			}
			c, err := p.openC(l)
			if err != nil {
				return err
			}
			ours.copies, yard.copies = append(ours.copies, t.program), append(yard.copies, c.Programs[p.c])
			program, err := l.specialised(ctx, t)
			if err != nil {
				return err
			}
			if program != nil {
				special.copies = append(special.copies, program)
			}
		}
		contenders := []contender{ours, yard}
		if len(special.copies) > 0 {
			contenders = append(contenders, special)
		}
		stats, err := l.compare(ctx, still(p.frame, p.resizes), contenders)
		if err != nil {
			return err
		}
		out.Points = []Point{{Label: "one packet", Ours: stats[0], Yard: &stats[1]}}
		if len(stats) > 2 {
			out.Points = append(out.Points, Point{Label: "specialised", Ours: stats[2], Yard: &stats[1]})
		}
		limit := 0.95
		if p.build != nil {
			limit = 1.05
		}
		out.atMost("p4dev / yardstick", out.Points[0].Ratio(), limit)
		return nil
	}
}

// specialised returns the program that a target runs when it is specialised for what its tables hold, beside the one
// that it ran before; nil where it cannot be.
func (l *lab) specialised(ctx context.Context, t *target) (*ebpf.Program, error) {
	_, err := t.Specialise(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	status, err := t.Show()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(status.Programs, func(p swfallback.ProgramStatus) bool { return p.Name == bpfgen.ProgramXDP })
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(status.Programs[i].ID))
	if err == nil {
		l.atEnd(program.Close)
	}
	return program, err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
