package bpfgen

import (
	"strconv"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// withSource adds the place in the P4 program to an instruction.
func (e *emitter) withSource(ins asm.Instruction) asm.Instruction {
	src := e.src
	if src == nil || src.File == "" && src.Line == 0 {
		if len(e.out) > 0 {
			return ins
		}
		src = new(pipeline.Source) // the kernel wants line information from the first one on
	}
	if src.File == "" {
		named := *src
		named.File = e.f.name
		src = &named
	}
	if ins.Metadata != (asm.Metadata{}) {
		return ins.WithSource(src)
	}
	if src != e.last {
		e.last, e.meta = src, asm.Metadata{}
		ins = ins.WithSource(src)
		e.meta = ins.Metadata
	}
	ins.Metadata = e.meta
	return ins
}

// makeLabels names all blocks, in one piece of memory.
func (e *emitter) makeLabels() {
	var text []byte
	ends := make([]int, len(e.f.blocks))
	for i := range ends {
		text = append(append(text, e.prefix()...), 'b')
		text = strconv.AppendInt(text, int64(i), 10)
		ends[i] = len(text)
	}
	all, from := string(text), 0
	e.labels = make([]string, len(ends))
	for i, end := range ends {
		e.labels[i], from = all[from:end], end
	}
}
