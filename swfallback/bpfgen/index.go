package bpfgen

import (
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// index numbers the fields of all headers, densely, and finds those of standard_metadata.
type index struct {
	prog   *pipeline.Program
	base   []int // by header: number of its first field
	fields []*pipeline.FieldRef
	std    map[string]int    // v1model's intrinsic metadata by its name in standard_metadata
	errs   map[string]uint64 // codes of P4's error type
}

// stdFields are v1model's intrinsic metadata under the names that simple_switch looks for; programs of P4_16 have
// aliases for them.
var stdFields = []string{"standard_metadata.ingress_port", "standard_metadata.egress_spec",
	"standard_metadata.egress_port", "standard_metadata.instance_type", "standard_metadata.packet_length",
	"standard_metadata.parser_error", "standard_metadata.checksum_error", "intrinsic_metadata.mcast_grp",
	"intrinsic_metadata.egress_rid", "intrinsic_metadata.ingress_global_timestamp",
	"intrinsic_metadata.egress_global_timestamp", "intrinsic_metadata.priority", "queueing_metadata.enq_timestamp",
	"queueing_metadata.enq_qdepth", "queueing_metadata.deq_timedelta", "queueing_metadata.deq_qdepth"}

// newIndex numbers the fields of a program.
func newIndex(p *pipeline.Program) *index {
	x := &index{prog: p, std: make(map[string]int), errs: make(map[string]uint64)}
	for _, h := range p.Headers {
		x.base = append(x.base, len(x.fields))
		for _, f := range h.Type.Fields {
			x.fields = append(x.fields, &pipeline.FieldRef{Header: h, Field: f})
		}
	}
	for _, name := range stdFields {
		if ref := p.FieldByName(name); ref != nil {
			x.std[name[strings.IndexByte(name, '.')+1:]] = x.id(ref)
		}
	}
	for _, e := range p.Errors {
		x.errs[e.Name] = e.Value
	}
	return x
}

// id returns the number of a field.
func (x *index) id(r *pipeline.FieldRef) int { return x.base[r.Header.Index] + r.Field.Index }

// stdID returns the number of a field of v1model's intrinsic metadata, -1 when the program has none of that name.
func (x *index) stdID(name string) int {
	if id, ok := x.std[name]; ok {
		return id
	}
	return -1
}

// errCode returns the code of a member of P4's error type; core.p4's own numbering is the fallback.
func (x *index) errCode(name string) uint64 {
	if c, ok := x.errs[name]; ok {
		return c
	}
	core := map[string]uint64{"NoError": 0, "PacketTooShort": 1, "NoMatch": 2, "StackOutOfBounds": 3,
		"HeaderTooShort": 4, "ParserTimeout": 5, "ParserInvalidArgument": 6}
	return core[name]
}

// A set is a set of small numbers.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

// newSets returns sets of numbers below n, in one piece of memory.
func newSets(sets, n int) []set {
	words := (n + 63) / 64
	list, room := make([]set, sets), make(set, sets*words)
	for i := range list {
		list[i], room = room[:words:words], room[words:]
	}
	return list
}

func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }
func (s set) add(i int) {
	if i >= 0 {
		s[i/64] |= 1 << (i % 64)
	}
}

// join adds the elements of t that are not in without; it reports whether anything was new. without may be nil.
func (s set) join(t, without set) bool {
	changed := false
	for i := range s {
		n := t[i]
		if without != nil {
			n &^= without[i]
		}
		if n&^s[i] != 0 {
			s[i] |= n
			changed = true
		}
	}
	return changed
}
