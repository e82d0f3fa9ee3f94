package bpfgen

import (
	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// In general form a program keeps everything that it knows about a packet in memory, its home: one value of a
// per-CPU map. Headers stand there as they stand in the packet, so that they are read and written whole; metadata
// stands in words of the machine. Nothing is known of a packet at any point of the program, so every point is
// compiled once, and a program may be cut into several at any point.

// home is the layout of a packet's state, in bytes from its start.
type home struct {
	size      int
	cleared   int    // from here to size all is zero when a packet enters the parser
	meta      [2]int // from, to: metadata
	field     []int  // by field number: of metadata, else -1
	header    []int  // by header: its fixed fields in the order of the wire
	room      []int  // by header: bytes reserved there
	valid     []int  // by header: a byte, 0 or 1
	varAt     []int  // by header: the bytes of its varbit field, -1: none
	varLen    []int  // by header: their number, 32 bits
	next      []int  // by stack: P4_16's nextIndex, 32 bits
	nextUnion []int  // by stack of unions
	trace     int    // where steps of a trace are, 0: nowhere
	keep      int    // where the fields of a list stay while the rest is cleared
}

// Words of 32 bits at the start of a home that outlive a pass of the packet.
const (
	homeSeq      = 4 * iota // number of the packet's slot
	homeStage               // where the tc program goes on, see stage
	homeReceived            // bytes of the packet, as counters see them
	homeIngress             // port where it came in
	homeEgress              // port where it goes
	homeRid                 // instance of a replica
	homeKind                // instance type of the pass that begins
	homeList                // field list that it keeps
	homeTruncate            // 1 + bytes that may leave, 0: all
	homeType                // EtherType while another stands in the packet, in wire order
	homePoint               // at which point a part of the program is entered
	homeWords
)

// Words that start at 0 with every pass, from home.cleared on.
const (
	passCursor      = 4 * iota // bytes parsed
	passCurrent                // bytes of the packet with the headers added and removed so far
	passClone                  // 1 + clone session, 0: no clone asked for
	passCloneList              // what the clone keeps
	passDigest                 // BMv2's number of the digest asked for
	passResubmit               // BMv2's number of the list to resubmit with
	passRecirculate            // and to recirculate with
	passWords
)

// newHome lays out the state of a program's packets.
func newHome(x *index) *home {
	h := &home{size: homeWords}
	h.keep = h.take(keepBytes(x.prog), 8)
	h.cleared = h.take(passWords, 8)
	for range x.prog.Stacks {
		h.next = append(h.next, h.take(4, 4))
	}
	for range x.prog.UnionStacks {
		h.nextUnion = append(h.nextUnion, h.take(4, 4))
	}
	h.valid = make([]int, len(x.prog.Headers))
	for _, hd := range inHomeOrder(x.prog) {
		h.valid[hd.Index] = h.take(1, 1)
	}
	h.size = (h.size + 7) &^ 7
	h.meta[0] = h.size
	h.field = make([]int, len(x.fields))
	for id, ref := range x.fields {
		h.field[id] = -1
		if ref.Header.Metadata {
			n := paramSize(ref.Field.Width)
			h.field[id] = h.take(n, min(8, n))
		}
	}
	h.size = (h.size + 7) &^ 7
	h.meta[1] = h.size
	h.layHeaders(x.prog)
	h.size = (h.size + 7) &^ 7
	return h
}

// keepBytes is the room that the fields of the largest list take.
func keepBytes(p *pipeline.Program) int {
	most := 0
	for _, l := range p.FieldLists {
		n := 0
		for _, e := range l.Elements {
			if ref, ok := e.(*pipeline.FieldRef); ok {
				n += 8 * limbs(ref.Field.Width)
			}
		}
		most = max(most, n)
	}
	return most
}

// inHomeOrder lists all headers, those of one stack together.
func inHomeOrder(p *pipeline.Program) []*pipeline.Header {
	var out []*pipeline.Header
	for _, s := range p.Stacks {
		out = append(out, s.Header...)
	}
	for _, s := range p.UnionStacks {
		for _, u := range s.Union {
			out = append(out, u.Header...)
		}
	}
	for _, hd := range p.Headers {
		if hd.Stack == nil && (hd.Union == nil || hd.Union.Stack == nil) {
			out = append(out, hd)
		}
	}
	return out
}

// layHeaders places the headers of the packet. Elements of a stack follow each other at equal distances.
func (h *home) layHeaders(p *pipeline.Program) {
	n := len(p.Headers)
	h.header, h.room, h.varAt, h.varLen = make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	for _, hd := range inHomeOrder(p) {
		i := hd.Index
		h.header[i], h.varAt[i], h.varLen[i] = -1, -1, -1
		if v := hd.Type.Var; v != nil {
			h.varLen[i] = h.take(8, 8)
			h.varAt[i] = h.take((v.Width+7)/8, 8)
		}
		if hd.Metadata {
			continue
		}
		h.room[i] = max(8, ((hd.Type.Width+7)/8+7)&^7)
		h.header[i] = h.take(h.room[i], 8)
	}
}

// take reserves bytes.
func (h *home) take(n, align int) int {
	at := (h.size + align - 1) / align * align
	h.size = at + n
	return at
}

// Maps of a program in general form.
const (
	homeMap  = "home"  // PERCPU_ARRAY of one value
	slotsMap = "slots" // ARRAY of homes by the number of a slot: packets on the way between programs
	seqMap   = "seq"   // ARRAY of one u32: how many slots have been used
	bulkMap  = "bulk"  // PERCPU_ARRAY of one value: a packet's payload while it moves

	slots     = 1024
	bulkBytes = 1 << 14
)

// addHome adds the maps of the general form.
func (o *Object) addHome(h *home) error {
	const perCPU = 32 << 10 // PCPU_MIN_UNIT_SIZE of linux/percpu.h
	if h.size > perCPU {
		return &LimitError{What: "bytes of headers and metadata", Got: h.size, Max: perCPU}
	}
	o.addMap(homeMap, ebpf.PerCPUArray, 4, h.size, 1, 0)
	return nil
}
