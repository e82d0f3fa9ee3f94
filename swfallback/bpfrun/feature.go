package bpfrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
)

// Feature is something that the engine wants from the kernel.
type Feature struct {
	Name   string
	Kernel string // first Linux release that has it, "5.9"
	// Required says that no program runs without it; the others are needed by some programs only.
	Required bool
	probe    func() error
}

// UnsupportedError says that the kernel lacks a feature. It is errors.ErrUnsupported.
type UnsupportedError struct {
	Feature Feature
	Err     error // what the kernel answered
}

// Error returns what is missing and since when kernels have it.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("bpfrun: %s is missing (Linux %s has it): %v", e.Feature.Name, e.Feature.Kernel, e.Err)
}

// Unwrap returns what the kernel answered.
func (e *UnsupportedError) Unwrap() error { return e.Err }

// Is reports whether target is errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// ErrInconclusive says that a probe could not find out: no permission, or no memory.
var ErrInconclusive = errors.New("inconclusive")

// Features lists everything that the engine may want, what is required first.
func Features() []Feature {
	return []Feature{
		{"XDP programs", "4.8", true, func() error { return features.HaveProgramType(ebpf.XDP) }},
		mapFeature("hash maps", "3.19", true, ebpf.Hash),
		mapFeature("per-CPU arrays", "4.6", true, ebpf.PerCPUArray),
		mapFeature("device maps with any key", "5.4", true, ebpf.DevMapHash),
		helperFeature("redirection through a map", "4.14", true, ebpf.XDP, asm.FnRedirectMap),
		helperFeature("packets that grow and shrink", "4.10", true, ebpf.XDP, asm.FnXdpAdjustHead),
		{"programs of a million instructions", "5.2", true, features.HaveLargeInstructions},
		{"links to network devices", "5.9", true, probeXDPLink},
		{"XDP in the driver of veth", "5.9", false, probeXDPVeth},
		{"bounded loops", "5.3", false, features.HaveBoundedLoops},
		{"loops with a budget (may_goto)", "6.9", false, probeMayGoto},
		{"instruction set version 3", "5.1", false, features.HaveV3ISA},
		{FeatureArena, "6.9", false, probeArena},
		mapFeature("longest-prefix tries", "4.11", false, ebpf.LPMTrie),
		mapFeature("maps in maps", "4.12", false, ebpf.ArrayOfMaps),
		mapFeature("tail calls", "4.2", false, ebpf.ProgramArray),
		mapFeature("ring buffers", "5.8", false, ebpf.RingBuf),
		helperFeature("metadata in front of a packet", "4.15", false, ebpf.XDP, asm.FnXdpAdjustMeta),
		helperFeature("packets that grow at the end", "5.8", false, ebpf.XDP, asm.FnXdpAdjustTail),
		helperFeature("copies of packets", "4.2", false, ebpf.SchedCLS, asm.FnCloneRedirect),
		helperFeature("loops by callback", "5.17", false, ebpf.XDP, asm.FnLoop),
		{"tcx", "6.6", false, probeTCX},
		{"test runs that send frames on", "5.18", false, probeLiveFrames},
	}
}

func mapFeature(name, kernel string, required bool, kind ebpf.MapType) Feature {
	return Feature{name, kernel, required, func() error { return features.HaveMapType(kind) }}
}

func helperFeature(name, kernel string, required bool, kind ebpf.ProgramType, helper asm.BuiltinFunc) Feature {
	return Feature{name, kernel, required, func() error { return features.HaveProgramHelper(kind, helper) }}
}

// Prober asks the running kernel and remembers its conclusive answers. The zero value is ready; it may be used
// by any number of goroutines.
type Prober struct {
	mu      sync.Mutex
	answers map[string]error
}

// Have reports whether the kernel has a feature: nil, an *UnsupportedError, or an error that is ErrInconclusive,
// which is not remembered.
func (p *Prober) Have(ctx context.Context, f Feature) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("bpfrun: probe %s: %w", f.Name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err, known := p.answers[f.Name]; known {
		return err
	}
	err := p.ask(f)
	if errors.Is(err, ErrInconclusive) {
		return err
	}
	if p.answers == nil {
		p.answers = make(map[string]error)
	}
	p.answers[f.Name] = err
	return err
}

// ask runs a probe and sorts its answer.
func (p *Prober) ask(f Feature) error {
	if err := supported(); err != nil {
		return &UnsupportedError{f, err}
	}
	err := f.probe()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, errors.ErrUnsupported):
		return &UnsupportedError{f, err}
	}
	return fmt.Errorf("bpfrun: probe %s: %w: %w", f.Name, ErrInconclusive, err)
}

// Answer is what the kernel said about one feature.
type Answer struct {
	Feature Feature
	Err     error // as Prober.Have returns it
}

// All asks for every feature.
func (p *Prober) All(ctx context.Context) []Answer {
	var answers []Answer
	for _, f := range Features() {
		answers = append(answers, Answer{f, p.Have(ctx, f)})
	}
	return answers
}

// CheckRequired joins the answers to all features without which nothing runs; nil when the kernel has them.
func (p *Prober) CheckRequired(ctx context.Context) error {
	var errs []error
	for _, answer := range slices.DeleteFunc(p.All(ctx), func(a Answer) bool { return !a.Feature.Required }) {
		errs = append(errs, answer.Err)
	}
	return errors.Join(errs...)
}

// probeProgram loads a program that returns a number.
func probeProgram(kind ebpf.ProgramType, result int32) (*ebpf.Program, error) {
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: kind, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, result), asm.Return()},
	})
}

// probeMayGoto loads a loop that the kernel's budget ends: tables with ternary, optional or range keys, and
// replication, are such loops.
func probeMayGoto() error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
			asm.JCOND.Imm(asm.R0, 0, "out").WithSymbol("again"),
			asm.Ja.Label("again"),
			asm.Mov.Imm(asm.R0, 1).WithSymbol("out"),
			asm.Return(),
		},
	})
	if err != nil {
		return refusalOf(err)
	}
	return program.Close()
}

// FeatureArena is the name of the feature that tables in an arena need.
const FeatureArena = "memory shared with programs (arena)"

// probeArena loads a program that reads an arena.
func probeArena() error {
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"arena": {Name: "arena", Type: ebpf.Arena, MaxEntries: 1, Flags: 1 << 10}}, // BPF_F_MMAPABLE
		Programs: map[string]*ebpf.ProgramSpec{"probe": {Name: "probe", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
			asm.LoadMapPtr(asm.R1, 0).WithReference("arena"),
			asm.Mov.Imm(asm.R2, 0),
			Cast(asm.R2, asm.R2),
			asm.LoadMem(asm.R0, asm.R2, 0, asm.Word),
			asm.Return(),
		}}},
	}
	collection, err := loadArena(spec, nil)
	if err != nil {
		return refusalOf(err)
	}
	collection.Close()
	return nil
}

// HaveArena reports whether tables may lie in an arena: nil, an *UnsupportedError, or ErrInconclusive.
func (p *Prober) HaveArena(ctx context.Context) error {
	all := Features()
	return p.Have(ctx, all[slices.IndexFunc(all, func(f Feature) bool { return f.Name == FeatureArena })])
}

// probeLiveFrames drops one frame in live mode.
func probeLiveFrames() error {
	program, err := probeProgram(ebpf.XDP, 1)
	if err != nil {
		return err
	}
	dp := &Datapath{Programs: map[string]*ebpf.Program{ProgramXDP: program}}
	defer dp.Close()
	_, err = dp.TestRun(context.Background(), TestRun{Frame: make([]byte, 64), Live: true})
	return refusalOf(err)
}
