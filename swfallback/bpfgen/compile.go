package bpfgen

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Compile compiles a program. The errors are *LimitError and *UnsupportedError, with the place in the P4
// program; nothing is left out or done differently without one.
func Compile(p *pipeline.Program, opts Options) (*Object, error) {
	o, err := compile(p, opts.filled())
	if err != nil {
		return nil, fmt.Errorf("bpfgen: compile %s: %w", p.Name, err)
	}
	return o, nil
}

// filled returns the options with the defaults filled in.
func (o Options) filled() Options {
	def := func(p *uint32, v uint32) {
		if *p == 0 {
			*p = v
		}
	}
	def(&o.HostPort, 509)
	def(&o.CPUPort, 510)
	def(&o.DropPort, 511)
	num := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	num(&o.MaxPorts, 512)
	num(&o.MaxIfindex, 4096)
	num(&o.MaxReplicas, 64)
	num(&o.MaxVariants, defaultVariants)
	num(&o.MaxPart, defaultPart)
	return o
}

// compile makes the fast form of a program where there is one, else the general form.
func compile(p *pipeline.Program, opts Options) (*Object, error) {
	if opts.Form != FormGeneral && !opts.Trace {
		o, err := newObject(p, opts, (*Object).specialise)
		if limit := new(LimitError); err == nil || opts.Form == FormSpecial ||
			!errors.Is(err, errors.ErrUnsupported) && !errors.As(err, &limit) {
			return o, err
		}
	}
	return newObject(p, opts, (*Object).generalise)
}

// newObject lays out the maps and makes the programs.
func newObject(p *pipeline.Program, opts Options, form func(*Object, *points) error) (*Object, error) {
	o := &Object{Program: p, Options: opts, Spec: &ebpf.CollectionSpec{
		Maps: make(map[string]*ebpf.MapSpec), Programs: make(map[string]*ebpf.ProgramSpec)},
		source: make(map[string][]sourceRun), usage: make(map[string]ProgramSummary)}
	if err := o.layMaps(); err != nil {
		return nil, err
	}
	g, err := newPoints(newIndex(p), opts.Known)
	if err != nil {
		return nil, err
	}
	return o, form(o, g)
}

// specialise makes an XDP program for whatever a packet may be; copies are made by the general form.
func (o *Object) specialise(g *points) error {
	o.form = FormSpecial
	f, err := o.lower(g, ProgramXDP, roleXDP)
	if err != nil {
		return err
	}
	if err := o.finishProgram(g, f, ProgramXDP, ebpf.XDP); err != nil || !o.copies() {
		return err
	}
	return o.addTC(g, newHome(g.index))
}

// generalise makes the general form.
func (o *Object) generalise(g *points) error {
	o.form = FormGeneral
	h := newHome(g.index)
	o.withTrace(g, h)
	if err := o.addHome(h); err != nil {
		return err
	}
	if err := o.addParts(g, h, ProgramXDP, ebpf.XDP, roleXDP); err != nil || !o.copies() {
		return err
	}
	return o.addTC(g, h)
}

// addTC makes the programs that copy packets.
func (o *Object) addTC(g *points, h *home) error {
	if err := o.addHome(h); err != nil {
		return err
	}
	o.addCopying(h)
	if o.Options.Known != nil { // the program that is loaded has one
		return nil
	}
	return o.addParts(g, h, ProgramTC, ebpf.SchedCLS, roleTC)
}

// copies reports whether the program may make several packets of one.
func (o *Object) copies() bool { return o.Multicast != nil || o.Clone != nil }

// finishProgram optimises and emits a program.
func (o *Object) finishProgram(g *points, f *fn, name string, kind ebpf.ProgramType) error {
	prune(f)
	o.stage(name+"/lower", f)
	for _, ps := range passes() {
		if err := ps.run(f); err != nil {
			return err
		}
		o.stage(name+"/"+ps.name, f)
	}
	if o.Options.keep != nil {
		o.Options.keep(f)
	}
	ins, err := emit(f)
	if err != nil {
		return err
	}
	ins, inner, err := o.addFinders(f, ins)
	if err != nil {
		return err
	}
	if f.stack > maxStack-inner {
		return &LimitError{What: "stack bytes of " + name, Got: f.stack, Max: maxStack - inner}
	}
	spec := &ebpf.ProgramSpec{Name: name, Type: kind, Instructions: ins, License: "GPL", AttachType: ebpf.AttachXDP}
	if kind != ebpf.XDP {
		spec.AttachType = ebpf.AttachTCXIngress
	}
	o.Spec.Programs[name] = spec
	o.note(name, ins, f, g)
	return nil
}

// lower specialises a program, less and less until it is not too large.
func (o *Object) lower(g *points, name string, r role) (*fn, error) {
	for variants := o.Options.MaxVariants; ; variants /= 4 {
		l := newLowerer(g, o, name, r)
		l.opts.MaxVariants = variants
		f, err := l.run()
		if limit := new(LimitError); variants == 0 || o.Options.Known != nil || !errors.As(err, &limit) || limit.What != tooManyBlocks {
			return f, err
		}
	}
}

// stage shows the text of a stage to whoever wants to see it.
func (o *Object) stage(name string, f *fn) {
	if o.Options.Dump != nil {
		o.Options.Dump(name, f.String())
	}
}

// A sourceRun is a row of instructions of one source.
type sourceRun struct {
	from int // slot of the loaded program
	src  *pipeline.Source
}

// note records sizes and sources of a program's instructions.
func (o *Object) note(name string, ins asm.Instructions, f *fn, g *points) {
	var runs []sourceRun
	slots := 0
	for i := range ins {
		s, _ := ins[i].Source().(*pipeline.Source)
		if len(runs) == 0 || runs[len(runs)-1].src != s {
			runs = append(runs, sourceRun{slots, s})
		}
		slots += int(ins[i].Size() / asm.InstructionSize)
	}
	o.source[name] = runs
	o.usage[name] = ProgramSummary{Name: name, Instructions: slots, StackBytes: f.stack, Blocks: len(f.blocks),
		Points: pointNamesOf(f, g)}
	if o.Options.Dump != nil {
		o.Options.Dump(name+"/emit", fmt.Sprintf("%v", ins))
	}
}
