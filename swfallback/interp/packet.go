package interp

import (
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// layout says where each header lies in packet.data. It is fixed when the Switch is made.
type layout struct {
	headers []header
	stacks  []stack
	unions  []stack // stacks of unions; their elements index Program.Unions
	size    int     // bytes of packet.data, slack included
}

// header is the place of one header instance.
type header struct {
	model  *pipeline.Header
	base   int // bit in packet.data, on a byte boundary
	width  int // bits of the fixed fields
	varAt  int // bits in front of the varbit field, -1: none
	union  []int
	fields []field
}

// field is the place of one field. Fields of an invalid header keep what was written to them: P4_16 calls
// their value undefined, and BMv2 behaves so.
type field struct {
	header int // index of its header
	at     int // bit in packet.data
	width  int
	signed bool
	isVar  bool
	used   bool // by the program: something compiled refers to it
}

// stack is a stack of headers or of unions.
type stack struct{ elems []int }

func newLayout(p *pipeline.Program) *layout {
	l := &layout{headers: make([]header, len(p.Headers))}
	at := 0
	for i, m := range p.Headers {
		h := header{model: m, base: at, width: m.Type.Width, varAt: -1, fields: make([]field, len(m.Type.Fields))}
		for j, f := range m.Type.Fields {
			h.fields[j] = field{header: i, at: at + f.Offset, width: f.Width, signed: f.Signed, isVar: f.Var}
		}
		if v := m.Type.Var; v != nil {
			h.varAt = v.Offset
		}
		at += (m.Type.Width + 7) &^ 7
		l.headers[i] = h
	}
	for _, u := range p.Unions {
		members := headerIndexes(u.Header)
		for _, h := range members {
			l.headers[h].union = members
		}
	}
	for _, s := range p.Stacks {
		l.stacks = append(l.stacks, stack{headerIndexes(s.Header)})
	}
	for _, s := range p.UnionStacks {
		var elems []int
		for _, u := range s.Union {
			elems = append(elems, u.Index)
		}
		l.unions = append(l.unions, stack{elems})
	}
	l.size = at/8 + bitSlack
	return l
}

func headerIndexes(hs []*pipeline.Header) []int {
	var out []int
	for _, h := range hs {
		out = append(out, h.Index)
	}
	return out
}

// packet is one packet on its way through the program: its bytes, its parsed representation and what the
// architecture keeps beside it.
type packet struct {
	sw *Switch

	data      []byte   // all header instances, at their places in the layout
	valid     []bool   // per header
	vars      [][]byte // per header: the varbit field's bytes; they alias an input and are never written
	next      []int    // per stack: P4_16's nextIndex
	nextUnion []int    // per stack of unions

	in      []byte // the packet as it entered the parser; never written
	pos     int    // the parser's cursor in it, bytes
	payload []byte // what the parser left

	args      []value // of the action that runs
	pc        int     // index of its next primitive
	exit      bool    // P4_16 "exit": nothing of the block runs any more
	failure   error   // a failed assertion: the packet ends here
	parserErr int     // index into the errors of the core library; -1: none
	errCode   uint64  // value of P4's error, as parser_error holds it
	badSum    bool    // a checksum did not verify

	seen      *seen     // what a tracer knows of it; nil: nothing yet
	arch      intrinsic // the architecture's own part
	now       time.Time // of this pass; zero until somebody asks
	key, tmp  []byte    // scratch
	sumBuffer bitString // scratch
}

func (sw *Switch) newPacket() *packet {
	if n := len(sw.free); n > 0 {
		p := sw.free[n-1]
		sw.free = sw.free[:n-1]
		p.reset()
		return p
	}
	l := sw.layout
	p := &packet{
		sw:        sw,
		data:      make([]byte, l.size),
		valid:     make([]bool, len(l.headers)),
		vars:      make([][]byte, len(l.headers)),
		next:      make([]int, len(l.stacks)),
		nextUnion: make([]int, len(l.unions)),
	}
	p.reset()
	return p
}

func (sw *Switch) freePacket(p *packet) { sw.free = append(sw.free, p) }

// reset makes p a packet that no parser has seen: metadata is valid and zero, all other headers are
// invalid (P4_16, "Header types").
func (p *packet) reset() {
	clear(p.data)
	clear(p.vars)
	clear(p.next)
	clear(p.nextUnion)
	copy(p.valid, p.sw.metadata)
	p.in, p.payload, p.pos = nil, nil, 0
	p.args, p.exit, p.failure = nil, false, nil
	p.parserErr, p.errCode, p.badSum = noParserError, 0, false
	p.seen = nil
	p.arch = intrinsic{}
	p.now = time.Time{}
}

// copyHeaders makes p's parsed representation that of q.
func (p *packet) copyHeaders(q *packet) {
	copy(p.data, q.data)
	copy(p.valid, q.valid)
	copy(p.vars, q.vars)
	copy(p.next, q.next)
	copy(p.nextUnion, q.nextUnion)
}

// resetMetadata sets all metadata to zero.
func (p *packet) resetMetadata() {
	for i, meta := range p.sw.metadata {
		if meta {
			h := &p.sw.layout.headers[i]
			clear(p.data[h.base/8 : (h.base+h.width+7)/8])
		}
	}
}

// time is the same for everything that one pass of a packet does.
func (p *packet) time() time.Time {
	if p.now.IsZero() {
		p.now = p.sw.opts.Now()
	}
	return p.now
}

func (p *packet) load(f *field) value {
	switch {
	case f.isVar:
		return bigEndian(p.vars[f.header])
	case f.width > 64:
		v := loadWide(p.data, f.at, f.width)
		if f.signed {
			return twoComplement(v, small(int64(f.width)))
		}
		return v
	case f.width == 0:
		return value{}
	}
	x := loadBits(p.data, f.at, f.width)
	if f.signed {
		return small(int64(x<<(64-f.width)) >> (64 - f.width))
	}
	return unsigned(x)
}

// store truncates v to the field's width.
func (p *packet) store(f *field, v value) {
	switch {
	case f.isVar:
		p.vars[f.header] = v.bytes(8 * len(p.vars[f.header]))
	case f.width > 0:
		storeWide(p.data, f.at, f.width, v)
	}
}
