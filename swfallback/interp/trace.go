package interp

import (
	"fmt"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A Tracer is told the steps of packets in the order in which they happen.
type Tracer interface{ Trace(Event) }

// Event is a step of a packet: one of the types of this file. String describes it in one line.
type Event interface {
	String() string
	event()
}

// Received: a packet of Bytes bytes arrived.
type Received struct {
	Port  uint32
	Bytes int
}

// Block: a pass enters a block.
type Block struct {
	Name string // the model's name: "parser", "ingress", "egress", "deparser"
}

// ParserState: the parser enters a state, its cursor at byte Offset.
type ParserState struct {
	State  *pipeline.ParserState
	Offset int
}

// Extract: the parser extracted a header of Bytes bytes at byte Offset.
type Extract struct {
	Header        *pipeline.Header
	Offset, Bytes int
	// Values, for a ValueTracer, are those of its fields: big-endian, (Width+7)/8 bytes each, of a varbit field as many
	// as it has; else nil.
	Values [][]byte
}

// ParserDone: the parser ended behind byte Offset.
type ParserDone struct {
	Error       uint64 // parser_error; 0: none
	Name        string // its name, where the program or core.p4 has one
	Offset      int
	BadChecksum bool // checksum_error
}

// Lookup: a table was applied.
type Lookup struct {
	Table      *pipeline.Table
	Key        []byte // the components, each in (Key.Width+7)/8 bytes
	Hit        bool
	Entry      *pipeline.Entry      // on a hit; not to be modified
	Call       *pipeline.ActionCall // what ran, of the entry, its member or the default; nil: nothing
	DefaultSet bool                 // the control plane set the table's default action
}

// Branch: a condition was evaluated.
type Branch struct {
	Conditional *pipeline.Conditional
	Holds       bool
}

// Emit: the deparser wrote a header.
type Emit struct{ Header *pipeline.Header }

// Outcome: what became of a packet at the end of a pass. A pass may have several.
type Outcome struct {
	Kind OutcomeKind
	Port uint32 // Unicast, Clone, Replicate, Send
	ID   uint32 // Clone: session; Multicast: group
}

// OutcomeKind says what became of a packet.
type OutcomeKind int

// The kinds of outcomes.
const (
	Dropped      OutcomeKind = iota
	Unicast                  // to egress
	Multicast                // to a group; Replicate follows for each copy
	Replicated               // one copy to egress
	Cloned                   // one clone to egress
	Resubmitted              // to ingress, as it came
	Recirculated             // to ingress, as it left
	Digested                 // a digest was sent
	Sent                     // out of a port
	Failed                   // an assertion failed, or there were too many passes
)

func (Received) event()    {}
func (Block) event()       {}
func (ParserState) event() {}
func (Extract) event()     {}
func (ParserDone) event()  {}
func (Lookup) event()      {}
func (Branch) event()      {}
func (Emit) event()        {}
func (Outcome) event()     {}

// String returns "dropped", "unicast", ...
func (k OutcomeKind) String() string {
	names := [...]string{"dropped", "unicast", "multicast", "replicated", "cloned", "resubmitted",
		"recirculated", "digest", "sent", "failed"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// String describes the event.
func (e Received) String() string {
	return fmt.Sprintf("received %d bytes at port %d", e.Bytes, e.Port)
}

// String describes the event.
func (e Block) String() string { return e.Name }

// String describes the event.
func (e ParserState) String() string {
	return fmt.Sprintf("state %s at byte %d", e.State.Name, e.Offset)
}

// String describes the event.
func (e Extract) String() string {
	return fmt.Sprintf("extract %s: bytes %d to %d", e.Header.Name, e.Offset, e.Offset+e.Bytes)
}

// String describes the event.
func (e ParserDone) String() string {
	s := fmt.Sprintf("parsed %d bytes", e.Offset)
	if e.Error != 0 {
		s += fmt.Sprintf(", error %d %s", e.Error, e.Name)
	}
	if e.BadChecksum {
		s += ", bad checksum"
	}
	return s
}

// String describes the event.
func (e Lookup) String() string {
	what := "miss"
	if e.Hit {
		what = "hit"
	}
	return fmt.Sprintf("table %s key %x: %s, %s", e.Table.Name, e.Key, what, callString(e.Call))
}

func callString(c *pipeline.ActionCall) string {
	if c == nil {
		return "no action"
	}
	var args []string
	for i, a := range c.Args {
		args = append(args, fmt.Sprintf("%s=0x%x", c.Action.Params[i].Name, a))
	}
	return c.Action.Name + "(" + strings.Join(args, ", ") + ")"
}

// String describes the event.
func (e Branch) String() string {
	if e.Conditional.Source.Fragment != "" {
		return fmt.Sprintf("if %s: %t", e.Conditional.Source.Fragment, e.Holds)
	}
	return fmt.Sprintf("if %s: %t", e.Conditional.Name, e.Holds)
}

// String describes the event.
func (e Emit) String() string { return "emit " + e.Header.Name }

// String describes the event.
func (e Outcome) String() string {
	switch e.Kind {
	case Unicast, Replicated, Sent:
		return fmt.Sprintf("%s, port %d", e.Kind, e.Port)
	case Cloned:
		return fmt.Sprintf("%s by session %d to port %d", e.Kind, e.ID, e.Port)
	case Multicast:
		return fmt.Sprintf("%s to group %d", e.Kind, e.ID)
	}
	return e.Kind.String()
}

func (p *packet) traced() bool { return p.sw.tracer != nil }

// trace is for callers that have asked traced: an Event in a call allocates.
func (p *packet) trace(e Event) {
	p.traceChanges()
	p.sw.tracer.Trace(e)
}

// traceBlock looks at the packet anew: what came before was the architecture's.
func (p *packet) traceBlock(name string) {
	if p.sw.tracer != nil {
		p.look()
		p.sw.tracer.Trace(Block{name})
	}
}

// outcome comes behind a block, which has told its changes: what has changed since was the architecture's.
func (p *packet) outcome(o Outcome) {
	if p.sw.tracer != nil {
		p.sw.tracer.Trace(o)
	}
}

func (t *table) traceApply(p *packet, e *entry, run *call) {
	ev := Lookup{Table: t.model, Key: append([]byte(nil), p.key...), Hit: e != nil, DefaultSet: t.defaultSet}
	if e != nil {
		ev.Entry = e.model
	}
	if run != nil {
		ev.Call = run.model
	}
	p.trace(ev)
}

// errorName names the packet's parser error.
func (sw *Switch) errorName(p *packet) string {
	if p.parserErr == noParserError {
		return ""
	}
	for _, m := range sw.program.Errors {
		if m.Value == p.errCode {
			return m.Name
		}
	}
	if p.parserErr < coreErrors {
		return coreErrorNames[p.parserErr]
	}
	return ""
}
