package bpfrun

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// An arena is memory that programs and processes share: map type 33, Linux 6.9. A program makes an address of a number
// by a move with offset 1 and immediate 1 (addr_space_cast). The library neither encodes that instruction nor loads
// what has it, so programs with it are loaded here.

// castOffset marks a move as an address_space_cast, see IsCast.
const castOffset = 1

// Cast returns the instruction that makes an address in the program's arena of the low half of a number.
func Cast(dst, src asm.Register) asm.Instruction {
	ins := asm.Mov.Reg(dst, src)
	ins.Offset, ins.Constant = castOffset, 1
	return ins
}

// isCast reports whether Cast made an instruction.
func isCast(ins *asm.Instruction) bool {
	return ins.OpCode == asm.Mov.Reg(asm.R0, asm.R0).OpCode && ins.Offset == castOffset
}

// hasCast reports whether any program of a specification uses an arena.
func hasCast(spec *ebpf.CollectionSpec) bool {
	for _, p := range spec.Programs {
		if slices.ContainsFunc(p.Instructions, func(ins asm.Instruction) bool { return isCast(&ins) }) {
			return true
		}
	}
	return false
}

// The addresses at which processes map arenas: multiples of 4 GiB, far from where Linux puts anything by itself on
// its own.
const (
	arenaStep  = 1 << 32
	firstArena = 1 << 44
	mostArenas = 1 << 13
)

// loadArena is NewCollectionWithOptions for programs with an arena.
func loadArena(spec *ebpf.CollectionSpec, share map[string]*ebpf.Map) (_ *ebpf.Collection, err error) {
	onlyMaps := &ebpf.CollectionSpec{Maps: make(map[string]*ebpf.MapSpec), Types: spec.Types, ByteOrder: spec.ByteOrder}
	var calls []*ebpf.MapSpec
	for name, m := range spec.Maps {
		m = m.Copy()
		onlyMaps.Maps[name] = m
		switch m.Type {
		case ebpf.Arena:
			m.MapExtra = freeAddress(uint64(m.MaxEntries) * uint64(os.Getpagesize()))
		case ebpf.ProgramArray:
			calls = append(calls, spec.Maps[m.Name])
			m.Contents = nil
		}
	}
	c, err := ebpf.NewCollectionWithOptions(onlyMaps, ebpf.CollectionOptions{MapReplacements: share})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	c.Programs = make(map[string]*ebpf.Program)
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		if c.Programs[name], err = loadCasts(spec.Programs[name], c.Maps); err != nil {
			return nil, fmt.Errorf("program %s: %w", name, err)
		}
	}
	for _, m := range calls {
		for _, element := range m.Contents {
			name, _ := element.Value.(string)
			if c.Programs[name] == nil {
				return nil, fmt.Errorf("map %s: no program %q", m.Name, name)
			}
			if err := c.Maps[m.Name].Put(element.Key, c.Programs[name]); err != nil {
				return nil, fmt.Errorf("map %s: %w", m.Name, err)
			}
		}
	}
	return c, nil
}

// freeAddress chooses where an arena goes: a place that is free in this process, which opens it first. That others have
// it free as well is likely, not certain: ErrArenaTaken.
func freeAddress(size uint64) uint64 {
	at := uint64(firstArena)
	for range 64 {
		if at = firstArena + arenaStep*rand.Uint64N(mostArenas); vacant(at, size) {
			break
		}
	}
	return at
}

// loadCasts loads one program.
func loadCasts(spec *ebpf.ProgramSpec, all map[string]*ebpf.Map) (*ebpf.Program, error) {
	code, err := encodeCasts(spec.Instructions, all)
	if err != nil {
		return nil, err
	}
	program, log, err := loadProgram(spec, code)
	if err == nil || len(log) == 0 {
		return program, err
	}
	refused := &ebpf.VerifierError{Cause: err}
	for line := range bytes.Lines(bytes.TrimRight(log, "\x00")) {
		refused.Log = append(refused.Log, string(bytes.TrimRight(line, "\n")))
	}
	return nil, fmt.Errorf("load program: %w", refused)
}

// encodeCasts encodes instructions with the descriptors of maps, and puts in what the library leaves out of casts.
func encodeCasts(program asm.Instructions, all map[string]*ebpf.Map) ([]byte, error) {
	program = slices.Clone(program)
	for i := range program {
		ins := &program[i]
		if !ins.IsLoadFromMap() || ins.Reference() == "" {
			continue
		}
		m := all[ins.Reference()]
		if m == nil {
			return nil, fmt.Errorf("no map %q", ins.Reference())
		}
		if err := ins.AssociateMap(m); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	out.Grow(asm.InstructionSize * (len(program) + len(program)/16))
	if err := program.Marshal(&out, binary.LittleEndian); err != nil {
		return nil, err
	}
	code, at := out.Bytes(), 0
	for i := range program {
		if isCast(&program[i]) {
			code[at+2] = castOffset
		}
		at += int(program[i].Size())
	}
	return code, nil
}

// ErrArenaTaken says that the place in the address space where an arena belongs is in use.
var ErrArenaTaken = errors.New("address of the arena is in use")
