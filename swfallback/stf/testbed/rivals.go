package testbed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// Rivals are the interpreter and the kernel with one program, to be held against each other.
type Rivals struct {
	program *pipeline.Program
	twin    bool // the program depends on time or chance

	// open loads a variant of the program into the kernel's side; end takes it away again.
	open  func(ctx context.Context, variant Variant) (s *side, end func() error, err error)
	ports []uint32 // that packets can come out of, each with an order of its own; nil: any, and all are ordered
	ends  cleanup
}

// Difference is where two engines part.
type Difference struct {
	Kind   string   // "configuration", "packets", "entries", "counter", "register", "digest"
	At     int      // of configuration and packets: the index of the line or packet; else -1
	Text   string   // what each engine has
	Checks []string // lines of a test that hold on the interpreter and not on the kernel's side, where there are such
}

// Round is what became of a case.
type Round struct {
	Sent       int // packets that both engines have got
	Difference *Difference
	// Expected are the interpreter's packets, by the packet that was sent; those of packets that were not compared are
	// missing.
	Expected [][]stf.Received
	// Drop are lines of configuration and packets that cannot be compared: both engines refuse the line, or the
	// packet never ends, or depends on time or chance. The case without them can be run.
	DropConfig, DropPackets []int
	// Unsupported says what the kernel's side cannot do; the line is the last of DropConfig.
	Unsupported error
}

// NewRivals compiles a program for both. engine is Kernel, with ports for the numbers given, or TestRuns.
func NewRivals(ctx context.Context, source swfallback.Source, engine Engine, ports []uint32) (*Rivals, error) {
	p, err := source.Program()
	if err != nil {
		return nil, err
	}
	for _, t := range p.Tables {
		t.Size = min(t.Size, max(manyEntries, len(t.Entries)))
	}
	if _, err := interp.New(p, interp.Options{}); err != nil {
		return nil, err
	}
	r := &Rivals{program: p, twin: depends(p)}
	if err := r.openKernel(ctx, source, engine, ports); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// manyEntries bounds the size of tables: making and freeing large maps takes time.
const manyEntries = 1024

// Program returns the program of both.
func (r *Rivals) Program() *pipeline.Program { return r.program }

// Close frees what the kernel's side has made.
func (r *Rivals) Close() error { return r.ends.run() }

// side is one engine.
type side struct {
	engine stf.Engine
	player *stf.Player
}

func newSide(e stf.Engine) *side { return &side{e, stf.NewPlayer(e)} }

// interpreter makes a side of the interpreter, with a clock that is ahead, and random numbers of its own.
func (r *Rivals) interpreter(ctx context.Context, ahead time.Duration) (*side, error) {
	var got digests
	var since time.Time
	sw, err := interp.New(r.program, interp.Options{
		MaxPasses: 64,
		Random:    rand.NewPCG(uint64(ahead), 0),
		Now: func() time.Time {
			now := time.Now()
			if since.IsZero() {
				since = now
				return now
			}
			return now.Add(ahead + time.Duration(int64(now.Sub(since))*7))
		},
		Digest: func(d interp.Digest) { got.add(d.Digest, d.Values) },
	})
	if err != nil {
		return nil, err
	}
	e := InterpreterEngine(ctx, sw)
	e.Wire = withDigests{e.Wire, &got}
	return newSide(e), nil
}

// depends reports whether a program reads a clock, uses random numbers or meters.
func depends(p *pipeline.Program) bool {
	for _, a := range p.Actions {
		for i := range a.Body {
			if a.Body[i].Op == pipeline.OpRandom || a.Body[i].Op == pipeline.OpExecuteMeter {
				return true
			}
		}
	}
	for _, name := range []string{"intrinsic_metadata.ingress_global_timestamp", "queueing_metadata.enq_timestamp"} {
		if p.FieldByName(name) != nil {
			return true
		}
	}
	return len(p.Meters) > 0
}

// newMatch makes a match without its right side.
func (r *Rivals) newMatch(ctx context.Context, c *fuzz.Case, config []stf.Statement) (*match, error) {
	left, err := r.interpreter(ctx, 0)
	if err != nil {
		return nil, err
	}
	m := &match{ctx: ctx, left: left, of: c, config: config, ports: r.ports, round: &Round{}}
	if r.twin {
		m.twin, err = r.interpreter(ctx, time.Hour)
	}
	return m, err
}

// Compare runs a case on both engines, each with a program that has been loaded anew, in eBPF a variant of it. The error says
// that a case could not be run at all.
func (r *Rivals) Compare(ctx context.Context, c *fuzz.Case, variant Variant) (_ *Round, err error) {
	test, err := c.Test("case")
	if err != nil {
		return nil, err
	}
	config := test.Configuration().Statements
	if len(config) != len(c.Config) {
		return nil, fmt.Errorf("testbed: compare engines: %d lines of configuration are %d statements", len(c.Config), len(config))
	}
	m, err := r.newMatch(ctx, c, config)
	if err != nil {
		return nil, err
	}
	for _, part := range c.Parts() {
		m.rehearse(part)
	}
	if m.over() { // without the kernel, where loading takes its time
		return m.round, ctx.Err()
	}
	if m, err = r.newMatch(ctx, c, config); err != nil {
		return nil, err
	}
	b, end, err := r.open(ctx, variant)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	m.right = b
	play := m.stepwise
	if r.ports != nil {
		play = m.together
	}
	for _, part := range c.Parts() {
		if err := m.configure(part.From[0], part.To[0]); err != nil || m.over() {
			return m.round, err
		}
		if err := play(part.From[1], part.To[1]); err != nil || m.over() {
			return m.round, err
		}
	}
	m.state(r.program)
	return m.round, nil
}
