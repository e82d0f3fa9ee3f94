package interp

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ErrLoop says that a packet was resubmitted, recirculated or cloned without end, or that an action jumped so.
var ErrLoop = errors.New("packet goes round in circles")

// AssertError is a failed assert or assume of the program. The packet that met it is gone.
type AssertError struct{ Source pipeline.Source }

func (e *AssertError) Error() string {
	if e.Source.Fragment == "" {
		return "assertion failed"
	}
	return fmt.Sprintf("assertion failed: %s (%s)", e.Source.Fragment, e.Source)
}

// Options configure a Switch. The zero value is BMv2's configuration.
type Options struct {
	// DropPort is the port that drops; 0: 511.
	DropPort uint32
	// MaxPasses bounds the passes that one packet and its copies make through ingress and egress; beyond it
	// Process returns ErrLoop with what came out so far. 0: 4096. BMv2 has no bound.
	MaxPasses int
	// Now is the clock of meters, idle time-outs and time stamps; nil: time.Now.
	Now func() time.Time
	// Random is the source of v1model's random; nil: one seeded by the system.
	Random rand.Source
	// Log takes the program's log_msg; nil: nowhere.
	Log *slog.Logger
	// Digest takes digests, in order, before Process returns; nil: nowhere. It may call the Switch.
	Digest func(Digest)
	// Trace takes the steps of every packet; nil: nowhere. It must not call the Switch.
	Trace Tracer
}

func (o *Options) setDefaults() {
	if o.DropPort == 0 {
		o.DropPort = 511
	}
	if o.MaxPasses == 0 {
		o.MaxPasses = 4096
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Output is a packet that leaves the Switch. Port is never the drop port; the host's and the controller's
// are numbers like any other.
type Output struct {
	Port   uint32
	Packet []byte // the caller's to keep
}

// Digest is what a program sent with digest(): the elements of the list in order, big-endian, each in
// (width+7)/8 bytes. Equal digests are not filtered.
type Digest struct {
	Digest *pipeline.Digest
	Values [][]byte
}

// architecture is what surrounds the blocks of a program: intrinsic metadata, the order of blocks, and
// primitives of its own.
type architecture interface {
	primitives() map[pipeline.Op]primitiveCompiler
	// bind resolves what the architecture needs of the compiled program.
	bind(c *compiler) error
	// process carries one packet and its copies through the program.
	process(port uint32, packet []byte) ([]Output, error)
}

// architectures by Program.Arch.
var architectures = map[string]func(*Switch) architecture{
	"":        newV1Model,
	"v1model": newV1Model,
}

// A Switch runs one program and holds its entries and state.
type Switch struct {
	opts    Options
	program *pipeline.Program
	arch    architecture
	start   time.Time

	// The compiled program; fixed after New.
	layout       *layout
	metadata     []bool // per header
	unions       [][]int
	errorCodes   [coreErrors]uint64
	actions      []*action
	calculations []*calculation
	parsers      []*parser
	controls     []*control
	deparsers    []*deparser

	// mu is held by Process for one packet and its copies, and by every call of the control plane. All that
	// follows belongs to it.
	mu        sync.Mutex
	tables    []*table
	profiles  []*profile
	registers []*register
	counters  []*counter
	meters    []*meterArray
	valueSets []*valueSet
	groups    map[uint32]*pipeline.MulticastGroup
	sessions  map[uint32]*pipeline.CloneSession
	random    *rand.Rand
	inserted  uint64 // entries so far
	tracer    Tracer
	values    bool      // tracer is a ValueTracer
	digests   []Digest  // of the packet under way
	free      []*packet // for reuse
}

// New compiles a program and gives its tables the program's own entries. Problems of the program are all
// found here: errors.ErrUnsupported is wrapped for what the engine does not know.
func New(p *pipeline.Program, opts Options) (*Switch, error) {
	opts.setDefaults()
	sw := &Switch{
		opts:     opts,
		program:  p,
		start:    opts.Now(),
		groups:   map[uint32]*pipeline.MulticastGroup{},
		sessions: map[uint32]*pipeline.CloneSession{},
		random:   rand.New(opts.Random),
		tracer:   opts.Trace,
	}
	if err := sw.compile(p); err != nil {
		return nil, fmt.Errorf("interp: load %s: %w", p.Name, err)
	}
	for _, t := range sw.tables {
		for _, e := range t.model.Entries {
			if err := sw.insert(e); err != nil {
				return nil, fmt.Errorf("interp: load %s: insert entry of the program: %w", p.Name, err)
			}
		}
	}
	return sw, nil
}

// Program returns the program that the Switch runs.
func (sw *Switch) Program() *pipeline.Program { return sw.program }

// compile makes everything in the order of dependence.
func (sw *Switch) compile(p *pipeline.Program) error {
	makeArch, ok := architectures[p.Arch]
	if !ok {
		return fmt.Errorf("architecture %q: %w", p.Arch, errors.ErrUnsupported)
	}
	sw.arch = makeArch(sw)
	sw.layout = newLayout(p)
	for _, h := range p.Headers {
		sw.metadata = append(sw.metadata, h.Metadata)
	}
	for _, u := range p.Unions {
		sw.unions = append(sw.unions, headerIndexes(u.Header))
	}
	sw.errorCodes = coreErrorCodes(p.Errors)
	if err := sw.makeExterns(p); err != nil {
		return err
	}
	for _, s := range p.ValueSets {
		sw.valueSets = append(sw.valueSets, &valueSet{model: s})
	}
	c := &compiler{sw: sw}
	steps := []func(*compiler, *pipeline.Program) error{
		(*compiler).calculations, (*compiler).actions, (*compiler).tables, (*compiler).blocks,
	}
	for _, s := range steps {
		if err := s(c, p); err != nil {
			return err
		}
	}
	return sw.arch.bind(c)
}

func (c *compiler) calculations(p *pipeline.Program) error {
	for _, m := range p.Calculations {
		k, err := c.calculation(m)
		if err != nil {
			return err
		}
		c.sw.calculations = append(c.sw.calculations, k)
	}
	for _, m := range p.Profiles {
		f, err := c.profile(m)
		if err != nil {
			return err
		}
		c.sw.profiles = append(c.sw.profiles, f)
	}
	return nil
}

func (c *compiler) actions(p *pipeline.Program) error {
	for _, m := range p.Actions {
		a, err := c.action(m)
		if err != nil {
			return err
		}
		c.sw.actions = append(c.sw.actions, a)
	}
	return nil
}

func (c *compiler) tables(p *pipeline.Program) error {
	for _, m := range p.Tables {
		t, err := c.table(m)
		if err != nil {
			return err
		}
		if t.def, err = c.sw.defaultCall(m); err != nil {
			return fmt.Errorf("default action of table %s: %w", m.Name, err)
		}
		c.sw.tables = append(c.sw.tables, t)
	}
	return nil
}

// blocks compiles parsers, controls and deparsers.
func (c *compiler) blocks(p *pipeline.Program) error {
	for _, m := range p.Parsers {
		b, err := c.parser(m)
		if err != nil {
			return fmt.Errorf("compile parser %s: %w", m.Name, err)
		}
		c.sw.parsers = append(c.sw.parsers, b)
	}
	for _, m := range p.Controls {
		b, err := c.control(m)
		if err != nil {
			return err
		}
		c.sw.controls = append(c.sw.controls, b)
	}
	for _, m := range p.Deparsers {
		b, err := c.deparser(m)
		if err != nil {
			return err
		}
		c.sw.deparsers = append(c.sw.deparsers, b)
	}
	return nil
}

// Process runs a packet that arrives at port and returns what comes out, in the order in which egress was left.
// packet is only read, and not kept. An error (ErrLoop, *AssertError) concerns this packet and comes with
// the outputs of its copies that got through.
func (sw *Switch) Process(port uint32, packet []byte) ([]Output, error) {
	return sw.process(port, packet, sw.opts.Trace)
}

// ProcessTraced is Process with a Tracer for this packet alone, in place of Options.Trace.
func (sw *Switch) ProcessTraced(port uint32, packet []byte, t Tracer) ([]Output, error) {
	return sw.process(port, packet, t)
}

func (sw *Switch) process(port uint32, packet []byte, t Tracer) ([]Output, error) {
	sw.mu.Lock()
	sw.tracer = t
	_, sw.values = t.(ValueTracer)
	if t != nil {
		t.Trace(Received{port, len(packet)})
	}
	out, err := sw.arch.process(port, packet)
	digests := sw.digests
	sw.digests = nil
	sw.mu.Unlock()
	if sw.opts.Digest != nil {
		for _, d := range digests {
			sw.opts.Digest(d)
		}
	}
	if err != nil {
		return out, fmt.Errorf("interp: process packet: %w", err)
	}
	return out, nil
}
