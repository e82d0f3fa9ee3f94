package tracetext

import (
	"encoding/hex"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// Trace is the way of one packet and its copies through a program.
type Trace struct {
	Program string   `json:"program"`
	Port    uint32   `json:"port"`
	Packet  string   `json:"packet"` // hexadecimal
	Steps   []Step   `json:"steps"`
	Out     []Output `json:"out"`             // in the order of the steps "sent"
	Error   string   `json:"error,omitempty"` // why the program did not get through
}

// Output is a packet that came out.
type Output struct {
	Port   uint32 `json:"port"`
	Packet string `json:"packet"` // hexadecimal
}

// Step is one event. Which members it has depends on Event:
//
//	block      Name: parser, ingress, egress or deparser
//	state      Name, Offset
//	extract    Name of the header, Offset, Bytes, Fields
//	parsed     Offset; Result: the parser's error
//	checksum   Name of the field, Result: right, wrong or updated; Before: held; After: computed
//	table      Name, Source, Hidden; Key; Result: hit or miss; Entry; Action, Args; Default: set or program
//	if         Name: the condition, Source, Result: true or false
//	change     Name of the field, Before ("" where its header was not valid), After
//	valid      Name of the header; the changes of its fields follow
//	invalid    Name of the header
//	emit       Name of the header
//	outcome    Result: dropped, unicast, multicast, replicated, cloned, resubmitted, recirculated, digest, sent
//	           or failed; Port; ID of a clone session or multicast group
type Step struct {
	Event   string  `json:"event"`
	Name    string  `json:"name,omitempty"`
	Source  string  `json:"source,omitempty"` // place in the P4 program
	Hidden  bool    `json:"hidden,omitempty"` // made by the compiler
	Offset  *int    `json:"offset,omitempty"` // bytes
	Bytes   *int    `json:"bytes,omitempty"`
	Fields  []Value `json:"fields,omitempty"`
	Key     []Value `json:"key,omitempty"`
	Result  string  `json:"result,omitempty"`
	Entry   string  `json:"entry,omitempty"`
	Action  string  `json:"action,omitempty"` // "" where none ran
	Args    []Value `json:"args,omitempty"`
	Default string  `json:"default,omitempty"`
	Before  string  `json:"before,omitempty"`
	After   string  `json:"after,omitempty"`
	Port    *uint32 `json:"port,omitempty"`
	ID      *uint32 `json:"id,omitempty"`
}

// Value is a value with its name, written as pipeline.FormatField, FormatKey and FormatArg do.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Record sends a packet into a port of the interpreter and records what becomes of it. The error is the interpreter's;
// the Trace then has what happened until there.
func Record(sw *interp.Switch, port uint32, packet []byte) (*Trace, error) {
	t := New(sw.Program().Name, port, packet)
	out, err := sw.ProcessTraced(port, packet, (*recorder)(t))
	for _, o := range out {
		t.AddOutput(o)
	}
	if err != nil {
		t.Error = err.Error()
	}
	return t, err
}

// New makes the Trace of a packet, without steps.
func New(program string, port uint32, packet []byte) *Trace {
	return &Trace{Program: program, Port: port, Packet: hex.EncodeToString(packet), Steps: []Step{}, Out: []Output{}}
}

// Add adds what an event says.
func (t *Trace) Add(e interp.Event) { (*recorder)(t).Trace(e) }

// AddOutput adds a packet that came out.
func (t *Trace) AddOutput(o interp.Output) {
	t.Out = append(t.Out, Output{o.Port, hex.EncodeToString(o.Packet)})
}

// recorder makes steps of events.
type recorder Trace

var _ interp.ValueTracer = (*recorder)(nil)

// TraceValues implements interp.ValueTracer.
func (r *recorder) TraceValues() {}

// Trace implements interp.Tracer.
func (r *recorder) Trace(e interp.Event) {
	if s, ok := step(e); ok {
		r.Steps = append(r.Steps, s)
	}
}

// step describes an event; false for those that the Trace has already.
func step(e interp.Event) (Step, bool) {
	switch e := e.(type) {
	case interp.Block:
		return Step{Event: "block", Name: e.Name}, true
	case interp.ParserState:
		return Step{Event: "state", Name: e.State.Name, Offset: &e.Offset}, true
	case interp.Extract:
		return extractStep(e), true
	case interp.ParserDone:
		return Step{Event: "parsed", Offset: &e.Offset, Result: e.Name}, true
	case interp.Checked:
		return checksumStep(e), true
	case interp.Lookup:
		return lookupStep(e), true
	case interp.Branch:
		return branchStep(e), true
	case interp.Change:
		return changeStep(e), true
	case interp.Emit:
		return Step{Event: "emit", Name: e.Header.Name}, true
	case interp.Outcome:
		return outcomeStep(e), true
	}
	return Step{}, false
}

func extractStep(e interp.Extract) Step {
	s := Step{Event: "extract", Name: e.Header.Name, Offset: &e.Offset, Bytes: &e.Bytes}
	for i, v := range e.Values {
		f := e.Header.Type.Fields[i]
		s.Fields = append(s.Fields, Value{f.Name, pipeline.FormatField(f, v)})
	}
	return s
}

func checksumStep(e interp.Checked) Step {
	target := e.Checksum.Target
	s := Step{Event: "checksum", Name: target.Header.Name + "." + target.Field.Name, Result: "wrong",
		Source: place(e.Checksum.Source), Before: number(e.Held, target.Field), After: number(e.Computed, target.Field)}
	switch {
	case e.Update:
		s.Result = "updated"
	case e.OK():
		s.Result = "right"
	}
	return s
}

// number writes a value of at most 64 bits of a field in hexadecimal.
func number(v uint64, f *pipeline.Field) string {
	const digits = "0123456789abcdef"
	out := make([]byte, max((min(f.Width, 64)+3)/4, 1))
	for i := range out {
		out[len(out)-1-i] = digits[v&15]
		v >>= 4
	}
	return "0x" + string(out)
}

func lookupStep(e interp.Lookup) Step {
	s := Step{Event: "table", Name: e.Table.Name, Source: place(e.Table.Source), Hidden: e.Table.Hidden, Result: "miss"}
	at := 0
	for _, k := range e.Table.Keys {
		n := (k.Width + 7) / 8
		s.Key = append(s.Key, Value{k.Name, pipeline.FormatKey(k, e.Key[at:at+n])})
		at += n
	}
	switch {
	case e.Hit:
		s.Result, s.Entry = "hit", entryText(e.Entry)
	case e.DefaultSet:
		s.Default = "set"
	default:
		s.Default = "program"
	}
	if e.Call == nil {
		return s
	}
	s.Action = e.Call.Action.Name
	for i, p := range e.Call.Action.Params {
		s.Args = append(s.Args, Value{p.Name, pipeline.FormatArg(p, e.Call.Args[i])})
	}
	if s.Hidden && s.Source == "" {
		s.Source = actionPlace(e.Call.Action)
	}
	return s
}

// entryText writes what an entry matches: "hdr.ipv4.dst_addr=10.0.0.0/8, priority 3".
func entryText(e *pipeline.Entry) string {
	if e == nil {
		return ""
	}
	var words []string
	for i, k := range e.Table.Keys {
		words = append(words, k.Name+"="+pipeline.FormatMatch(k, e.Match[i]))
	}
	return strings.Join(words, " ") + entryRest(e)
}

func branchStep(e interp.Branch) Step {
	s := Step{Event: "if", Name: e.Conditional.Source.Fragment, Source: place(e.Conditional.Source), Result: "false"}
	if s.Name == "" {
		s.Name = pipeline.ExprString(e.Conditional.If)
	}
	if e.Holds {
		s.Result = "true"
	}
	return s
}

func changeStep(e interp.Change) Step {
	switch {
	case e.Field == nil && e.Valid:
		return Step{Event: "valid", Name: e.Header.Name}
	case e.Field == nil:
		return Step{Event: "invalid", Name: e.Header.Name}
	}
	s := Step{Event: "change", Name: e.Header.Name + "." + e.Field.Name, After: pipeline.FormatField(e.Field, e.After)}
	if e.Before != nil {
		s.Before = pipeline.FormatField(e.Field, e.Before)
	}
	return s
}

func outcomeStep(e interp.Outcome) Step {
	s := Step{Event: "outcome", Result: e.Kind.String()}
	switch e.Kind {
	case interp.Unicast, interp.Replicated, interp.Sent:
		s.Port = &e.Port
	case interp.Cloned:
		s.Port, s.ID = &e.Port, &e.ID
	case interp.Multicast:
		s.ID = &e.ID
	}
	return s
}
