package bpfgen

import (
	"testing"

	"github.com/cilium/ebpf/asm"
)

// TestParallel runs copies that happen at the same time on registers with different contents.
func TestParallel(t *testing.T) {
	cases := map[string][][2]int{ // destination, source
		"none":         {},
		"chain":        {{1, 2}, {2, 3}, {3, 4}},
		"chain back":   {{3, 4}, {2, 3}, {1, 2}},
		"fan":          {{1, 5}, {2, 5}, {3, 5}},
		"circle":       {{1, 2}, {2, 3}, {3, 1}},
		"two circles":  {{1, 2}, {2, 1}, {3, 4}, {4, 3}},
		"with a tail":  {{1, 2}, {2, 1}, {3, 1}, {4, 2}},
		"three and on": {{2, 0}, {0, 2}, {3, 1}, {1, 3}, {7, 8}, {8, 7}, {5, 7}},
	}
	for name, moves := range cases {
		t.Run(name, func(t *testing.T) {
			var list []regMove
			want := [10]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
			for _, m := range moves {
				src := asm.Register(m[1])
				list = append(list, regMove{dst: asm.Register(m[0]), src: &value{op: opParam, reg: &src}})
				want[m[0]] = m[1]
			}
			e := &emitter{f: newFn("test")}
			e.parallel(list)
			if got := runMoves(t, e.out); got != want {
				t.Errorf("got  %v\nwant %v\n%v", got, want, e.out)
			}
		})
	}
}

// runMoves interprets moves between registers and one word of memory.
func runMoves(t *testing.T, ins asm.Instructions) [10]int {
	t.Helper()
	regs := [10]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	word := 0
	for _, i := range ins {
		switch {
		case i.Dst == asm.RFP:
			word = regs[i.Src]
		case i.Src == asm.RFP:
			regs[i.Dst] = word
		case i.OpCode.Class() == asm.ALU64Class:
			regs[i.Dst] = regs[i.Src]
		default:
			t.Fatalf("unexpected %v", i)
		}
	}
	return regs
}
