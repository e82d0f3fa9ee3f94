package testbed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// Rivals are the interpreter and the kernel with one program, to be held against each other.
type Rivals struct {
	source  swfallback.Source
	program *pipeline.Program
	kernel  *kernelSide
	twin    bool // the program depends on time or chance
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
	r := &Rivals{source: source, program: p, twin: depends(p)}
	r.kernel, err = newKernelSide(ctx, source, p, engine, ports)
	return r, err
}

// manyEntries bounds the size of tables: making and freeing large maps takes time.
const manyEntries = 1024

// Program returns the program of both.
func (r *Rivals) Program() *pipeline.Program { return r.program }

// Close frees what the kernel's side has made.
func (r *Rivals) Close() error { return r.kernel.close() }

// side is one engine with what it has said so far.
type side struct {
	engine  stf.Engine
	player  *stf.Player
	digests func(want int) []digest
}

// digest is a digest as text, to be compared.
type digest string

func digestText(d *pipeline.Digest, values [][]byte) digest {
	return digest(fmt.Sprintf("%s %x", d.Name, values))
}

func newSide(e stf.Engine, digests func(int) []digest) *side {
	return &side{engine: e, player: stf.NewPlayer(e), digests: digests}
}

// interpreter makes a side of the interpreter, with a clock that is ahead, and random numbers of its own.
func (r *Rivals) interpreter(ctx context.Context, ahead time.Duration) (*side, error) {
	var mu sync.Mutex
	var got []digest
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
		Digest: func(d interp.Digest) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, digestText(d.Digest, d.Values))
		},
	})
	if err != nil {
		return nil, err
	}
	return newSide(InterpreterEngine(ctx, sw), func(int) []digest {
		mu.Lock()
		defer mu.Unlock()
		return got
	}), nil
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

// Compare runs a case on both engines, each with a program that has been loaded anew. The error says that a case
// could not be run at all.
func (r *Rivals) Compare(ctx context.Context, c *fuzz.Case) (_ *Round, err error) {
	test, err := c.Test("case")
	if err != nil {
		return nil, err
	}
	a, err := r.interpreter(ctx, 0)
	if err != nil {
		return nil, err
	}
	m := &match{ctx: ctx, left: a, round: &Round{}}
	if r.twin {
		if m.twin, err = r.interpreter(ctx, time.Hour); err != nil {
			return nil, err
		}
	}
	b, end, err := r.kernel.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	m.right = b
	m.lines = c.Config
	config := test.Configuration().Statements
	if len(config) != len(c.Config) {
		return nil, fmt.Errorf("testbed: compare engines: %d lines of configuration are %d statements", len(c.Config), len(config))
	}
	if err := m.configure(config); err != nil || m.over() {
		return m.round, err
	}
	play := m.stepwise
	if r.kernel.lan {
		play = m.together
	}
	if err := play(c.Packets); err != nil || m.over() {
		return m.round, err
	}
	m.state(r.program)
	return m.round, nil
}
