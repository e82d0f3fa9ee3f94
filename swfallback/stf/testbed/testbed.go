package testbed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// Engine is something that runs packet tests.
type Engine string

// The engines.
const (
	Interpreter Engine = "interp"
	Kernel      Engine = "bpf"      // eBPF, packets go over real ports
	TestRuns    Engine = "bpf-fast" // eBPF, packets are given to BPF_PROG_TEST_RUN
)

// ErrReplicates says that a packet was to be copied, which test runs do not do.
var ErrReplicates = fmt.Errorf("a test run does not replicate packets: %w", errors.ErrUnsupported)

// hostPort is the port that stands for the host's stack.
const hostPort = 509

// State is what a test came to.
type State string

// The states.
const (
	Passed  State = "ok"
	Failed  State = "FAIL"
	Skipped State = "skip"
)

// Outcome is the result of one test on one engine.
type Outcome struct {
	Case           stf.Case
	Engine         Engine
	Variant        Variant // of the program on the engines of eBPF
	State          State
	Ports          string // "veth", "tap"; "": no interfaces
	Sent, Received int    // packets
	Specialised    int    // how often the program was specialised, for Variant.Specialised
	Time           time.Duration
	Failures       []stf.Failure // of Failed: what came out wrong
	Err            error         // of Failed: why it could not be played; of Skipped: the reason

	churn bool
}

// Bed runs tests.
type Bed struct {
	// Open reads the program of a file.
	Open func(path string) (swfallback.Source, error)
	// Variant is what programs run as on the engines of eBPF.
	Variant Variant
	// Churn changes all entries all the time while packets run: each for what it is already.
	Churn bool
}

// Available returns nil where the engine can be used by this process, else why not.
func Available(e Engine) error {
	if e == Interpreter {
		return nil
	}
	if err := kernelAvailable(e); err != nil {
		return fmt.Errorf("testbed: use engine %s: %w", e, err)
	}
	return nil
}

// Run runs one test. It returns when the test is over and all that it made is gone, also when ctx ends; a test
// that ctx interrupted has failed with its cause.
func (b *Bed) Run(ctx context.Context, c stf.Case, e Engine) Outcome {
	o := Outcome{Case: c, Engine: e, Variant: b.Variant, churn: b.Churn}
	start := time.Now()
	result, err := b.play(ctx, &o)
	o.Time = time.Since(start)
	if result != nil {
		o.Sent, o.Received, o.Failures = result.Sent, result.Received, result.Failures
	}
	switch {
	case err != nil && Unsupported(err) && ctx.Err() == nil:
		o.State, o.Err = Skipped, err
	case err != nil:
		o.State, o.Err = Failed, err
	case len(o.Failures) > 0:
		o.State = Failed
	case o.Sent == 0:
		o.State, o.Err = Skipped, errors.New("the test sends no packet")
	default:
		o.State = Passed
	}
	return o
}

func (b *Bed) play(ctx context.Context, o *Outcome) (_ *stf.Result, err error) {
	if o.Case.Program == "" {
		return nil, stf.ErrNoProgram
	}
	test, err := o.Case.Load()
	if err != nil {
		return nil, err
	}
	source, err := b.Open(o.Case.Program)
	if err != nil {
		return nil, err
	}
	engine, end, err := open(ctx, o, source, test)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	return stf.Run(ctx, test, engine)
}

// open starts the engine of o with a program; end stops it.
func open(ctx context.Context, o *Outcome, source swfallback.Source, test *stf.Test) (_ stf.Engine, end func() error, err error) {
	if o.Engine != Interpreter {
		return openKernel(ctx, o, source, test)
	}
	p, err := source.Program()
	if err != nil {
		return stf.Engine{}, nil, err
	}
	var got digests
	sw, err := interp.New(p, interp.Options{Digest: func(d interp.Digest) { got.add(d.Digest, d.Values) }})
	if err != nil {
		return stf.Engine{}, nil, err
	}
	e := InterpreterEngine(ctx, sw)
	e.Wire = withDigests{e.Wire, &got}
	return e, func() error { return nil }, nil
}

// InterpreterEngine makes an engine of the interpreter. Its packets fail with ctx's cause once ctx has ended.
func InterpreterEngine(ctx context.Context, sw *interp.Switch) stf.Engine {
	process := func(port uint32, packet []byte) ([]stf.Received, error) {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		out, err := sw.Process(port, packet)
		got := make([]stf.Received, len(out))
		for i, o := range out {
			got[i] = stf.Received(o)
		}
		return got, err
	}
	return stf.Engine{Program: sw.Program(), Target: sw, Wire: stf.Synchronous(process)}
}

// Unsupported reports whether an engine said that it does not know what the program or the test asks for.
func Unsupported(err error) bool {
	var limit *bpfgen.LimitError
	return errors.Is(err, errors.ErrUnsupported) || errors.As(err, &limit)
}

// Reason returns in a few words why a test was skipped or could not be played: what the compiler says with its place
// in the P4 source, without the steps that led there. "" where Err is nil.
func (o *Outcome) Reason() string {
	var limit *bpfgen.LimitError
	var part *bpfgen.UnsupportedError
	switch {
	case o.Err == nil:
		return ""
	case errors.As(o.Err, &limit):
		return limit.Error()
	case errors.As(o.Err, &part):
		return part.Error()
	}
	return o.Err.Error()
}
