package bpfgen

import (
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// The functions of a program have types, and those that find cells are global: the verifier then checks each once, for
// any key, and not again for every call. For the processor a call is the same.

// linkTypes gives a program and the functions behind it their types.
func linkTypes(program asm.Instructions, name string) {
	context := &btf.FuncProto{Return: wordType(), Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: (*btf.Void)(nil)}}}}
	setFunction(program, &btf.Func{Name: name, Type: context, Linkage: btf.GlobalFunc, ParamTags: [][]string{{"arg:ctx"}}})
}

// setFinderType gives the function that finds a table's cells its type: it takes the address of a key and returns the
// low half of an address.
func setFinderType(function asm.Instructions, l *TableLayout) {
	key := &btf.Array{Index: wordType(), Type: &btf.Int{Name: "u8", Size: 1}, Nelems: uint32(l.finderKey())}
	proto := &btf.FuncProto{Return: wordType(), Params: []btf.FuncParam{{Name: "key", Type: &btf.Pointer{Target: key}}}}
	setFunction(function, &btf.Func{Name: finderName(l.Table), Type: proto, Linkage: btf.GlobalFunc,
		ParamTags: [][]string{{"arg:nonnull"}}})
}

func wordType() btf.Type { return &btf.Int{Name: "u32", Size: 4} }

func setFunction(function asm.Instructions, f *btf.Func) {
	function[0] = btf.WithFuncMetadata(function[0], f)
}
