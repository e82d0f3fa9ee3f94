package stf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Target takes entries; docs/architecture.md says what its methods mean. What else a test may configure is
// asked of a Target by the interfaces below; where it lacks one, the statement fails with
// errors.ErrUnsupported.
type Target interface {
	Insert(...*pipeline.Entry) error
	Modify(...*pipeline.Entry) error
	Delete(...*pipeline.Entry) error
	SetDefault(*pipeline.Table, *pipeline.ActionCall) error
	Entries(*pipeline.Table) ([]pipeline.EntryState, error)
	ReadCounter(*pipeline.Counter, int) (pipeline.Count, error)
}

// Replicator is a Target with multicast groups and clone sessions.
type Replicator interface {
	SetMulticastGroup(pipeline.MulticastGroup) error
	SetCloneSession(pipeline.CloneSession) error
}

// Profiler is a Target with action profiles.
type Profiler interface {
	SetMember(*pipeline.ActionProfile, pipeline.Member) error
	DeleteMember(*pipeline.ActionProfile, uint32) error
	SetGroup(*pipeline.ActionProfile, pipeline.Group) error
	DeleteGroup(*pipeline.ActionProfile, uint32) error
}

// ValueSetter is a Target with parser value sets.
type ValueSetter interface {
	SetValueSet(*pipeline.ValueSet, [][]pipeline.Match) error
}

// Registrar is a Target whose registers can be read and written.
type Registrar interface {
	ReadRegister(*pipeline.Register, int) (*big.Int, error)
	WriteRegister(*pipeline.Register, int, *big.Int) error
}

// Metered is a Target whose meters can be configured.
type Metered interface {
	SetMeterRates(*pipeline.Meter, int, *pipeline.MeterRates) error
	SetDirectMeterRates(*pipeline.Entry, *pipeline.MeterRates) error
}

// CounterWriter is a Target whose counters can be set.
type CounterWriter interface {
	WriteCounter(*pipeline.Counter, int, pipeline.Count) error
}

// Wire carries packets to an engine and back.
type Wire interface {
	// Send sends a packet into a port.
	Send(ctx context.Context, port uint32, packet []byte) error
	// Collect waits until the engine is done with all packets, and returns what came out since the last call:
	// per port in order.
	Collect(ctx context.Context) ([]Received, error)
}

// Received is a packet that came out of a port.
type Received struct {
	Port   uint32
	Packet []byte
}

// Engine is what a test runs against.
type Engine struct {
	Program *pipeline.Program
	Target  Target
	Wire    Wire
}

// Synchronous makes a Wire of an engine that answers at once.
func Synchronous(process func(port uint32, packet []byte) ([]Received, error)) Wire {
	return &synchronous{process: process}
}

type synchronous struct {
	process func(uint32, []byte) ([]Received, error)
	out     []Received
}

func (s *synchronous) Send(_ context.Context, port uint32, packet []byte) error {
	out, err := s.process(port, packet)
	s.out = append(s.out, out...)
	return err
}

func (s *synchronous) Collect(context.Context) ([]Received, error) {
	out := s.out
	s.out = nil
	return out, nil
}

// Result is what a test came to.
type Result struct {
	Sent, Received int
	Failures       []Failure // by line, packets that no line expects last
	Output         []string  // of commands that read something
}

// OK reports whether everything was as expected.
func (r *Result) OK() bool { return len(r.Failures) == 0 }

// Err joins the failures; nil where there are none.
func (r *Result) Err() error {
	var errs []error
	for _, f := range r.Failures {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// Failure is an expectation that was not met.
type Failure struct {
	Line int // of the expectation; 0: a packet that no line expects
	Text string
	// Of packets; Want is nil for one that no line expects, Got for one that did not come.
	Port uint32
	Got  []byte
	Want *Pattern
}

// Error returns the failure in one line.
func (f Failure) Error() string {
	if f.Line == 0 {
		return f.Text
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Text)
}

// runner is the state of a test under way.
type runner struct {
	program *pipeline.Program
	target  Target
	wire    Wire
	result  *Result

	got     map[uint32][][]byte         // what came out, per port
	handles map[*pipeline.Table]handles // BMv2's numbers of entries
	labels  map[string]*pipeline.Entry
	nodes   replication
	members map[*pipeline.ActionProfile]*profileState
	sets    map[*pipeline.ValueSet][]string // members as joined numbers, in hexadecimal
}

// Run plays a test. The error says that the test could not be played: a name that does not exist, an engine
// that refuses an entry; what comes out wrong is in the Result.
func Run(ctx context.Context, t *Test, e Engine) (*Result, error) {
	r := newRunner(e)
	for _, s := range order(t.Statements) {
		if err := r.play(ctx, s); err != nil {
			return r.result, fmt.Errorf("stf: run %s: %w", t.place(s), err)
		}
	}
	if err := r.collect(ctx); err != nil {
		return r.result, fmt.Errorf("stf: run %s: %w", t.Name, err)
	}
	r.compare(t.Statements)
	if err := r.compareDigests(ctx, t.Statements); err != nil {
		return r.result, fmt.Errorf("stf: run %s: %w", t.Name, err)
	}
	r.sortFailures()
	return r.result, nil
}

func newRunner(e Engine) *runner {
	return &runner{
		program: e.Program,
		target:  e.Target,
		wire:    e.Wire,
		result:  &Result{},
		got:     map[uint32][][]byte{},
		handles: map[*pipeline.Table]handles{},
		labels:  map[string]*pipeline.Entry{},
		nodes:   newReplication(),
		members: map[*pipeline.ActionProfile]*profileState{},
		sets:    map[*pipeline.ValueSet][]string{},
	}
}

// errNoDigests says that an engine has no digests to compare.
var errNoDigests = fmt.Errorf("the engine has no digests: %w", errors.ErrUnsupported)

// Player plays statements one by one, for callers that look at the engine in between.
type Player struct{ r *runner }

// NewPlayer makes a Player for an engine.
func NewPlayer(e Engine) *Player { return &Player{newRunner(e)} }

// Play plays a statement. Expects do nothing; a check that does not hold is no error.
func (p *Player) Play(ctx context.Context, s Statement) error { return p.r.play(ctx, s) }

// order puts configuration first where the test names several ports.
func order(all []Statement) []Statement {
	ports := map[uint32]bool{}
	var first, then []Statement
	for _, s := range all {
		switch s := s.(type) {
		case *Packet:
			ports[s.Port] = true
		case *Expect:
			ports[s.Port] = true
		}
		if isTraffic(s) {
			then = append(then, s)
			continue
		}
		first = append(first, s)
	}
	if len(ports) <= 1 {
		return all
	}
	return append(first, then...)
}

// play plays one statement; expects are looked at when all is over.
func (r *runner) play(ctx context.Context, s Statement) error {
	switch s := s.(type) {
	case *Add:
		return r.add(s)
	case *SetDefault:
		return r.setDefault(s)
	case *RemoveAll:
		return r.removeAll()
	case *Packet:
		r.result.Sent++
		return r.wire.Send(ctx, s.Port, s.Data)
	case *CheckCounter:
		if err := r.collect(ctx); err != nil {
			return err
		}
		return r.checkCounter(s)
	case *CheckRegister:
		if err := r.collect(ctx); err != nil {
			return err
		}
		return r.checkRegister(s)
	case *Wait:
		return r.collect(ctx)
	case *Command:
		return commands.run(r, s)
	}
	return nil
}

func (r *runner) collect(ctx context.Context) error {
	out, err := r.wire.Collect(ctx)
	for _, p := range out {
		r.got[p.Port] = append(r.got[p.Port], p.Packet)
	}
	r.result.Received += len(out)
	return err
}

func (r *runner) fail(line int, format string, args ...any) {
	r.result.Failures = append(r.result.Failures, Failure{Line: line, Text: fmt.Sprintf(format, args...)})
}

// failPacket is fail for a packet that came or did not come.
func (r *runner) failPacket(f Failure, format string, args ...any) {
	f.Text = fmt.Sprintf(format, args...)
	r.result.Failures = append(r.result.Failures, f)
}

// compare holds what came out of each port that the test names against the expects for it. no_packet names all.
func (r *runner) compare(all []Statement) {
	named := []uint32{}
	expects := map[uint32][]*Expect{}
	name := func(port uint32) {
		if _, ok := expects[port]; !ok {
			named, expects[port] = append(named, port), nil
		}
	}
	for _, s := range all {
		switch s := s.(type) {
		case *Packet:
			name(s.Port)
		case *Expect:
			name(s.Port)
			expects[s.Port] = append(expects[s.Port], s)
		case *NoPacket:
			for _, port := range slices.Sorted(maps.Keys(r.got)) {
				name(port)
			}
		}
	}
	for _, port := range named {
		r.comparePort(port, expects[port], r.got[port])
	}
}

func (r *runner) sortFailures() {
	slices.SortStableFunc(r.result.Failures, func(a, b Failure) int { return cmp.Compare(a.order(), b.order()) })
}

// order is the failure's place among others: by line, then what no line expects.
func (f Failure) order() uint { return uint(f.Line) - 1 }

func (r *runner) comparePort(port uint32, want []*Expect, got [][]byte) {
	for i, e := range want {
		f := Failure{Line: e.Pos(), Port: port, Want: &e.Pattern}
		switch {
		case i >= len(got):
			r.failPacket(f, "port %d: nothing came, want %v", port, e.Pattern)
		case !e.Pattern.Match(got[i]):
			f.Got = got[i]
			r.failPacket(f, "port %d: packet %d\n got %x\nwant %v", port, i, got[i], e.Pattern)
		}
	}
	for i := len(want); i < len(got); i++ {
		r.failPacket(Failure{Port: port, Got: got[i]}, "port %d: packet %d is not expected: %x", port, i, got[i])
	}
}
