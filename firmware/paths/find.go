package paths

import (
	"fmt"
	"maps"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Path is a way through a parser.
type Path struct {
	States []*pipeline.ParserState // in order; empty for a parser that accepts at once
	Packet []byte                  // leads there; nil where none was found
	Reason string                  // why there is no packet
}

// Limits bound the search.
type Limits struct {
	Paths  int // ways that are found
	Visits int // times that one state occurs in a way
}

// DefaultLimits returns 4096 ways, in which loops are taken up to three times.
func DefaultLimits() Limits { return Limits{Paths: 4096, Visits: 3} }

// payload is how many bytes follow what the parser has extracted.
const payload = 64

// Find returns the ways from the parser's start to accept, depth first, in the order of the transitions. Ways that lead
// to reject are left out. More is true where the limits cut the search short.
func Find(p *pipeline.Parser, limits Limits) (found []Path, more bool) {
	f := &finder{limits: limits}
	f.visit(p.Start, newWalk(), nil)
	return f.found, f.more
}

// stepsPerPath bounds the states that are visited, for each way that may be found: also what leads nowhere takes time.
const stepsPerPath = 256

type finder struct {
	limits Limits
	steps  int
	found  []Path
	more   bool
}

// visit walks on from a state; nil is accept.
func (f *finder) visit(st *pipeline.ParserState, w *walk, states []*pipeline.ParserState) {
	if f.steps++; len(f.found) >= f.limits.Paths || f.steps > stepsPerPath*f.limits.Paths {
		f.more = true
		return
	}
	if st == nil {
		f.found = append(f.found, Path{States: states, Packet: w.finish(), Reason: w.reason})
		return
	}
	visits := 0
	for _, s := range states {
		if s == st {
			visits++
		}
	}
	if visits >= f.limits.Visits {
		f.more = true
		return
	}
	states = append(states[:len(states):len(states)], st)
	if !w.run(st) || st.HasReject {
		return
	}
	for i := range st.Next {
		next := w.clone()
		if next.take(st, i) {
			f.visit(st.Next[i].Next, next, states)
		}
	}
}

// walk is the packet under way.
type walk struct {
	data   []byte // grows; bits behind the cursor are what lookahead has asked for
	fixed  []byte // bits of data that must stay
	cursor int    // bits
	at     map[*pipeline.Header]int
	next   map[*pipeline.Stack]int
	unions map[*pipeline.UnionStack]int
	last   map[*pipeline.UnionStack]*pipeline.Header
	set    map[place]operand // fields that the parser has written
	reason string            // the first thing that could not be met
}

// place is a field of a header instance.
type place struct {
	header *pipeline.Header
	field  *pipeline.Field
}

func newWalk() *walk {
	return &walk{at: map[*pipeline.Header]int{}, next: map[*pipeline.Stack]int{}, unions: map[*pipeline.UnionStack]int{},
		last: map[*pipeline.UnionStack]*pipeline.Header{}, set: map[place]operand{}}
}

func (w *walk) clone() *walk {
	c := *w
	c.data, c.fixed = slices.Clone(w.data), slices.Clone(w.fixed)
	c.at, c.next, c.unions, c.last, c.set = maps.Clone(w.at), maps.Clone(w.next), maps.Clone(w.unions), maps.Clone(w.last), maps.Clone(w.set)
	return &c
}

// fail notes what cannot be met; the walk goes on, without a packet at its end.
func (w *walk) fail(format string, args ...any) {
	if w.reason == "" {
		w.reason = fmt.Sprintf(format, args...)
	}
}

// grow makes sure that the packet has a number of bits.
func (w *walk) grow(bits int) {
	for len(w.data)*8 < bits {
		w.data, w.fixed = append(w.data, 0), append(w.fixed, 0)
	}
}

// finish returns the packet.
func (w *walk) finish() []byte {
	if w.reason != "" {
		return nil
	}
	w.grow((w.cursor+7)/8*8 + 8*payload)
	w.complete()
	w.lengths()
	return w.data
}

// extract puts a header at the cursor.
func (w *walk) extract(h *pipeline.Header, varBits int) {
	w.at[h] = w.cursor
	w.cursor += h.Type.Width + varBits
	w.grow(w.cursor)
}
