package testbed

import (
	"bytes"
	"math/big"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// instanceResubmitted is the type of a packet that was resubmitted (behavioral-model, "simple_switch": PktInstanceType).
const instanceResubmitted = 6

// kernelTrace makes of the steps of a program in the kernel the events that the interpreter would have told. It sees
// what the packet is at every step, and so what has changed since the one before; it does not see checksums that are
// compared or stay as they are, the arguments of members of an action profile, nor the order within one parser state.
type kernelTrace struct {
	program *pipeline.Program
	deflt   func(*pipeline.Table) (*pipeline.ActionCall, error)
	emit    func(interp.Event)

	last    *bpfgen.TraceStep // nil: what comes is a packet by itself
	block   string
	pending *interp.Lookup
	isSet   map[*pipeline.Table]bool
	group   bool // a multicast group has been told
	ended   bool // ingress has ended, and egress is to come
	emits   []interp.Event
}

// add takes the next step.
func (k *kernelTrace) add(s swfallback.TraceStep) {
	k.changes(s)
	if s.Kind != bpfgen.TraceAction {
		k.flush()
	}
	for _, e := range k.emits { // behind the checksums that the deparser updates
		k.emit(e)
	}
	k.emits = nil
	if k.block == "parser" && (s.Kind == bpfgen.TraceNode || s.Kind == bpfgen.TraceIngressEnd) {
		k.enter("ingress")
	}
	switch s.Kind {
	case bpfgen.TraceBegin, bpfgen.TraceCopyBegins:
		k.block, k.group, k.ended = "", false, false
	case bpfgen.TraceParser:
		k.enter("parser")
		k.emit(interp.ParserState{State: s.State, Offset: s.Cursor()})
	case bpfgen.TraceParsed:
		k.enter("parser")
		k.parsed(s)
	case bpfgen.TraceIngressEnd:
		k.ended = true
	case bpfgen.TraceEgress:
		if k.ended {
			k.emit(interp.Outcome{Kind: interp.Unicast, Port: s.Port()})
		}
		k.ended = false
		k.enter("egress")
	case bpfgen.TraceDeparser:
		k.enter("deparser")
		for _, d := range k.program.Deparsers {
			for _, h := range d.Order {
				if s.Valid(h) {
					k.emits = append(k.emits, interp.Emit{Header: h})
				}
			}
		}
	case bpfgen.TraceHit, bpfgen.TraceMiss:
		k.lookup(s)
	case bpfgen.TraceAction:
		k.action(s)
	case bpfgen.TraceBranch:
		if c, ok := s.Node.(*pipeline.Conditional); ok {
			k.emit(interp.Branch{Conditional: c, Holds: s.A != 0})
		}
	default:
		k.outcome(s)
	}
	k.last = s.TraceStep
	switch s.Kind {
	case bpfgen.TraceFate, bpfgen.TraceClone, bpfgen.TraceReplica, bpfgen.TraceAgain, bpfgen.TraceBegin, bpfgen.TraceCopyBegins:
		k.last = nil // what stands in the home from here on is another packet's, or the architecture's
	}
}

func (k *kernelTrace) enter(block string) {
	if k.block != block {
		k.block = block
		k.emit(interp.Block{Name: block})
	}
}

// flush tells a lookup behind which nothing ran.
func (k *kernelTrace) flush() {
	if k.pending != nil {
		k.emit(*k.pending)
		k.pending = nil
	}
}

func (k *kernelTrace) parsed(s swfallback.TraceStep) {
	done := interp.ParserDone{Offset: s.Cursor()}
	if ref := k.program.FieldByName("standard_metadata.parser_error"); ref != nil {
		done.Error = number(s.Field(ref.Header, ref.Field))
	}
	for _, m := range k.program.Errors {
		if m.Value == done.Error && done.Error != 0 {
			done.Name = m.Name
		}
	}
	k.emit(done)
}

// lookup remembers a lookup until its action is known.
func (k *kernelTrace) lookup(s swfallback.TraceStep) {
	t, ok := s.Node.(*pipeline.Table)
	if !ok {
		return
	}
	l := &interp.Lookup{Table: t, Hit: s.Kind == bpfgen.TraceHit, DefaultSet: k.isSet[t]}
	var values [][]byte
	for _, key := range t.Keys {
		v := keyValue(s.TraceStep, key)
		values, l.Key = append(values, v), append(l.Key, v...)
	}
	for _, e := range s.Entries {
		for _, own := range t.Entries { // knows where it stands in the program
			if pipeline.EntryKey(own) == pipeline.EntryKey(e) {
				e = own
			}
		}
		if fits(e, values) && (l.Entry == nil || better(e, l.Entry)) {
			l.Entry = e
		}
	}
	k.pending = l
}

// fits reports whether an entry matches a key.
func fits(e *pipeline.Entry, key [][]byte) bool {
	for i, m := range e.Match {
		v := new(big.Int).SetBytes(key[i])
		want := new(big.Int).SetBytes(m.Value)
		switch k := e.Table.Keys[i]; k.Kind {
		case pipeline.MatchLPM:
			free := uint(k.Width - m.Prefix)
			v, want = v.Rsh(v, free), want.Rsh(want, free)
		case pipeline.MatchTernary, pipeline.MatchOptional:
			v.And(v, new(big.Int).SetBytes(m.Mask))
		case pipeline.MatchRange:
			if v.Cmp(want) < 0 || v.Cmp(new(big.Int).SetBytes(m.High)) > 0 {
				return false
			}
			continue
		}
		if v.Cmp(want) != 0 {
			return false
		}
	}
	return true
}

// better reports whether of two entries that match the first one wins.
func better(a, b *pipeline.Entry) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	for i := range a.Match {
		if a.Match[i].Prefix != b.Match[i].Prefix {
			return a.Match[i].Prefix > b.Match[i].Prefix
		}
	}
	return false
}

// keyValue is the value of a component of a key: 0 where the header is not valid.
func keyValue(s *bpfgen.TraceStep, key *pipeline.Key) []byte {
	switch e := key.Expr.(type) {
	case *pipeline.FieldRef:
		if !s.Valid(e.Header) {
			break
		}
		v := s.Field(e.Header, e.Field)
		if key.Mask != nil {
			for i, m := range key.Mask.FillBytes(make([]byte, len(v))) {
				v[i] &= m
			}
		}
		return v
	case *pipeline.ValidRef:
		if s.Valid(e.Header) {
			return []byte{1}
		}
	}
	return make([]byte, (key.Width+7)/8)
}

// action tells the lookup that an action follows.
func (k *kernelTrace) action(s swfallback.TraceStep) {
	t, ok := s.Node.(*pipeline.Table)
	if !ok || k.pending == nil || int(s.A) >= len(t.Actions) {
		return
	}
	a := t.Actions[s.A]
	var known *pipeline.ActionCall
	if k.pending.Entry != nil {
		known = k.pending.Entry.Call
	}
	if !k.pending.Hit {
		known, _ = k.deflt(t)
	}
	if known == nil || known.Action != a { // a member's arguments are not known here
		known = &pipeline.ActionCall{Action: &pipeline.Action{Name: a.Name, Source: a.Source, Body: a.Body}}
	}
	k.pending.Call = known
	k.flush()
}

func (k *kernelTrace) outcome(s swfallback.TraceStep) {
	switch s.Kind {
	case bpfgen.TraceDigest:
		k.emit(interp.Outcome{Kind: interp.Digested})
	case bpfgen.TraceAgain:
		kind := interp.Recirculated
		if s.A == instanceResubmitted {
			kind = interp.Resubmitted
		}
		k.emit(interp.Outcome{Kind: kind})
	case bpfgen.TraceClone:
		k.emit(interp.Outcome{Kind: interp.Cloned, Port: s.A, ID: s.B})
	case bpfgen.TraceReplica:
		if !k.group {
			k.emit(interp.Outcome{Kind: interp.Multicast, ID: s.B})
		}
		k.group = true
		k.emit(interp.Outcome{Kind: interp.Replicated, Port: s.A})
	case bpfgen.TraceFate:
		k.fate(s)
	}
}

func (k *kernelTrace) fate(s swfallback.TraceStep) {
	switch bpfgen.Fate(s.A) {
	case bpfgen.FateForwarded:
		k.emit(interp.Outcome{Kind: interp.Sent, Port: s.B})
	case bpfgen.FateHost:
		k.emit(interp.Outcome{Kind: interp.Sent, Port: hostPort})
	case bpfgen.FateDropped:
		k.emit(interp.Outcome{Kind: interp.Dropped})
	case bpfgen.FateFailed:
		k.emit(interp.Outcome{Kind: interp.Failed})
	}
}

// changes tells what has changed since the last step: in the parser the headers that were extracted, elsewhere what
// actions did. What the architecture writes between blocks is not told.
func (k *kernelTrace) changes(s swfallback.TraceStep) {
	if k.last == nil {
		return
	}
	switch k.last.Kind {
	case bpfgen.TraceParsed, bpfgen.TraceIngressEnd, bpfgen.TraceEgress, bpfgen.TraceEgressEnd:
		return
	}
	extracted := k.extracts(s)
	for _, h := range k.program.Headers {
		was, is := k.last.Valid(h), s.Valid(h)
		if slices.Contains(extracted, h) {
			continue
		}
		if was != is {
			k.emit(interp.Change{Header: h, Valid: is})
		}
		if !is {
			continue
		}
		for _, f := range h.Type.Fields {
			k.change(s, h, f, was)
		}
	}
}

func (k *kernelTrace) change(s swfallback.TraceStep, h *pipeline.Header, f *pipeline.Field, was bool) {
	after := s.Field(h, f)
	if !was {
		k.emit(interp.Change{Header: h, Field: f, After: after})
		return
	}
	if k.last.Kind == bpfgen.TraceParser && k.isError(h, f) {
		return // the parser's end tells it
	}
	before := k.last.Field(h, f)
	if bytes.Equal(before, after) {
		return
	}
	for _, c := range k.program.Checksums {
		if k.block == "deparser" && c.Update && c.Target.Header == h && c.Target.Field == f && f.Width <= 64 {
			k.emit(interp.Checked{Checksum: c, Update: true, Held: number(before), Computed: number(after)})
			return
		}
	}
	k.emit(interp.Change{Header: h, Field: f, Before: before, After: after})
}

func number(b []byte) uint64 { return new(big.Int).SetBytes(b).Uint64() }

func (k *kernelTrace) isError(h *pipeline.Header, f *pipeline.Field) bool {
	ref := k.program.FieldByName("standard_metadata.parser_error")
	return ref != nil && ref.Header == h && ref.Field == f
}

// extracts tells the headers that a parser state has extracted, in the order in which they lie in the packet.
func (k *kernelTrace) extracts(s swfallback.TraceStep) []*pipeline.Header {
	if k.last.Kind != bpfgen.TraceParser || k.last.State == nil {
		return nil
	}
	var out []*pipeline.Header
	at := k.last.Cursor()
	for _, q := range k.last.State.Body {
		if q.Op != pipeline.OpExtract && q.Op != pipeline.OpExtractVar {
			continue
		}
		h := k.extracted(s, q.Args[0], out)
		if h == nil {
			continue
		}
		e := interp.Extract{Header: h, Offset: at, Bytes: h.Type.Width / 8}
		for _, f := range h.Type.Fields {
			v := s.Field(h, f)
			if e.Values = append(e.Values, v); f.Var {
				e.Bytes += len(v)
			}
		}
		at += e.Bytes
		out = append(out, h)
		k.emit(e)
	}
	return out
}

// extracted finds the header that an extract has made valid; nil: it has not.
func (k *kernelTrace) extracted(s swfallback.TraceStep, target pipeline.Expr, before []*pipeline.Header) *pipeline.Header {
	var from []*pipeline.Header
	switch t := target.(type) {
	case *pipeline.HeaderRef:
		from = []*pipeline.Header{t.Header}
	case *pipeline.StackRef:
		from = t.Stack.Header
	case *pipeline.UnionStackRef:
		for _, u := range t.Stack.Union {
			from = append(from, u.Header[t.Member])
		}
	}
	for _, h := range from {
		if s.Valid(h) && !k.last.Valid(h) && !slices.Contains(before, h) {
			return h
		}
	}
	return nil
}
