package bpfrun

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// functions are the types of a program's functions as the kernel has them. nil: there are none.
type functions struct {
	handle *btf.Handle
	infos  []byte // struct bpf_func_info of linux/bpf.h: slot and type, of each function
}

const functionInfo = 8 // bytes of a struct bpf_func_info

// loadFunctions loads the types of the functions of a program that has any.
func loadFunctions(program asm.Instructions) (*functions, error) {
	types, err := btf.NewBuilder(nil, nil)
	if err != nil {
		return nil, err
	}
	f := new(functions)
	slot := uint32(0)
	for i := range program {
		if function := btf.FuncMetadata(&program[i]); function != nil {
			id, err := types.Add(function)
			if err != nil {
				return nil, fmt.Errorf("type of function %s: %w", function.Name, err)
			}
			f.infos = binary.NativeEndian.AppendUint32(f.infos, slot)
			f.infos = binary.NativeEndian.AppendUint32(f.infos, uint32(id))
		}
		slot += uint32(program[i].Size() / asm.InstructionSize)
	}
	if len(f.infos) == 0 {
		return nil, nil
	}
	if f.handle, err = btf.NewHandle(types); err != nil {
		return nil, fmt.Errorf("load types of functions: %w", err)
	}
	return f, nil
}

// set makes a program have the types.
func (f *functions) set(attr *loadAttr) {
	if f == nil {
		return
	}
	attr.types, attr.functionSize = uint32(f.handle.FD()), functionInfo
	attr.functions, attr.functionCount = pointerTo(f.infos), uint32(len(f.infos)/functionInfo)
}

func (f *functions) close() {
	if f != nil {
		f.handle.Close()
	}
}
