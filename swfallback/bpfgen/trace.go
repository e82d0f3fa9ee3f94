package bpfgen

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A program that is compiled with Options.Trace writes a record into a ring buffer at every step: what the step is, in
// the home's last words, and the home itself, from which a reader sees what the packet is by then.

// traceMap is the ring buffer.
const (
	traceMap   = "trace"
	traceBytes = 1 << 20
	traceWords = 16 // kind, a, b, nothing: u32 each
)

// TraceKind says what a step of a traced program is.
type TraceKind uint32

// The kinds of steps. The comments say what A and B are.
const (
	TraceBegin      TraceKind = iota // a pass begins
	TraceParser                      // the packet comes to TraceStep.State
	TraceParsed                      // the parser has ended
	TraceNode                        // the packet comes to TraceStep.Node
	TraceIngressEnd                  // behind ingress
	TraceEgress                      // egress begins
	TraceEgressEnd                   // behind egress
	TraceDeparser                    // the deparser begins
	TraceCopyBegins                  // a copy goes on that was made earlier
	TraceHit                         // A: slot of the entry; behind a TraceNode
	TraceMiss                        // behind a TraceNode
	TraceAction                      // A: index in Table.Actions; behind TraceHit or TraceMiss, unless nothing runs
	TraceBranch                      // A: 1 where the condition holds; behind a TraceNode
	TraceDigest                      // A: index in Program.Digests
	TraceAgain                       // A: instance type of the pass to come, resubmitted or recirculated
	TraceClone                       // A: P4 port, B: session
	TraceReplica                     // A: P4 port
	TraceFate                        // A: Fate, B: P4 port of FateForwarded
	numTraceKinds
)

// TraceStep is a step of a traced program with the packet as it was then.
type TraceStep struct {
	Kind  TraceKind
	State *pipeline.ParserState // of TraceParser
	Node  pipeline.Node         // of TraceNode and of what follows it
	A, B  uint32

	o    *Object
	home []byte
}

// traced is what the reader of a trace has to know.
type traced struct {
	home   *home
	points *points
}

// withTrace adds room for steps to a home, and the ring buffer.
func (o *Object) withTrace(g *points, h *home) {
	if !o.Options.Trace {
		return
	}
	h.trace = h.take(traceWords, 8)
	o.Trace = traceMap
	o.traced = &traced{h, g}
	o.addMap(traceMap, ebpf.RingBuf, 0, 0, traceBytes, 0)
}

// trace writes a step; what does not fit into the buffer is lost.
func (l *lowerer) trace(kind TraceKind, a, b *value) {
	if l.home == nil || l.home.trace == 0 || l.cur == nil {
		return
	}
	at := l.home.trace
	l.setWord(at, 4, l.konst(uint64(kind)))
	l.setWord(at+4, 4, a)
	l.setWord(at+8, 4, b)
	l.setWord(at+12, 4, l.konst(uint64(l.f.point)))
	l.call(asm.FnRingbufOutput, l.mapRef(traceMap), l.homePtr, l.konst(uint64(l.home.size)), l.konst(0))
}

// tracePoint writes that the packet has come to a point.
func (l *lowerer) tracePoint(p *point) {
	kinds := [...]TraceKind{pointState: TraceParser, pointVerify: TraceParsed, pointNode: TraceNode,
		pointIngressEnd: TraceIngressEnd, pointEgressEnd: TraceEgressEnd, pointDeparse: TraceDeparser,
		pointBegin: TraceBegin, pointCloned: TraceCopyBegins, pointReplica: TraceCopyBegins,
		pointEgressClone: TraceCopyBegins, pointEgressBegin: TraceEgress}
	l.trace(kinds[p.kind], l.konst(0), l.konst(0))
}

// DecodeTrace decodes a record of the ring buffer named by Trace.
func (o *Object) DecodeTrace(record []byte) (*TraceStep, error) {
	if o.traced == nil || len(record) < o.traced.home.size {
		return nil, fmt.Errorf("bpfgen: decode trace: %d bytes", len(record))
	}
	at := o.traced.home.trace
	s := &TraceStep{Kind: TraceKind(le.Uint32(record[at:])), A: le.Uint32(record[at+4:]), B: le.Uint32(record[at+8:]), o: o,
		home: record}
	point := int(le.Uint32(record[at+12:]))
	if s.Kind >= numTraceKinds || point >= len(o.traced.points.all) {
		return nil, fmt.Errorf("bpfgen: decode trace: kind %d at point %d", s.Kind, point)
	}
	p := o.traced.points.all[point]
	s.State, s.Node = p.state, p.node
	return s, nil
}

// Valid reports whether a header is valid.
func (s *TraceStep) Valid(h *pipeline.Header) bool {
	return h.Metadata || s.home[s.o.traced.home.valid[h.Index]] != 0
}

// Cursor is how many bytes have been parsed.
func (s *TraceStep) Cursor() int { return int(s.word(s.o.traced.home.cleared + passCursor)) }

// Port is where the packet goes when egress begins.
func (s *TraceStep) Port() uint32 { return s.word(homeEgress) }

func (s *TraceStep) word(at int) uint32 { return le.Uint32(s.home[at:]) }

// Field returns the value of a field, big-endian, in (Width+7)/8 bytes, of a varbit field as many as it has. Those of
// headers that are not valid mean nothing.
func (s *TraceStep) Field(h *pipeline.Header, f *pipeline.Field) []byte {
	t := s.o.traced.home
	out := make([]byte, (f.Width+7)/8)
	switch {
	case f.Var && t.varLen[h.Index] >= 0:
		n := min(int(s.word(t.varLen[h.Index])), len(out))
		return append(out[:0], s.home[t.varAt[h.Index]:][:n]...)
	case h.Metadata:
		at := t.field[s.o.traced.points.base[h.Index]+f.Index]
		for i := range out {
			out[len(out)-1-i] = s.home[at+i] // little-endian
		}
		return out
	}
	at := 8*t.header[h.Index] + f.Offset
	for i := range f.Width {
		bit := s.home[(at+i)/8] >> (7 - (at+i)%8) & 1
		to := 8*len(out) - f.Width + i
		out[to/8] |= bit << (7 - to%8)
	}
	return out
}
