package bpfgen

import (
	"math/bits"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A ruleStep writes a component that has a mask and lies in one word of a rule, as nearly all do in tables that are
// filled with many rules at a time.
type ruleStep struct {
	off   int // of mask and value in the match
	size  int // bytes of mask and value
	width int // bits
	shift int
	left  int // bits by which the number is less than 8 bytes, where it is in wire order; else -1
}

// newSteps returns the steps that write a match, nil where some component is of another kind.
func (l *keyLayout) newSteps(keys []*pipeline.Key) []ruleStep {
	var steps []ruleStep
	for i, k := range keys {
		ps := l.pieces[i]
		if k.Kind != pipeline.MatchTernary && k.Kind != pipeline.MatchOptional || len(ps) != 1 {
			return nil
		}
		s := ruleStep{off: 2 * ps[0].off, size: (k.Width + 7) / 8, width: k.Width, shift: ps[0].shift, left: -1}
		if ps[0].wire {
			s.left = 64 - ps[0].width
		}
		steps = append(steps, s)
	}
	return steps
}

// putSteps is putMatch with steps. It returns false, and has not done all of it, where that cannot be.
func (l *keyLayout) putSteps(out []byte, match []pipeline.Match) bool {
	if len(l.steps) != len(match) {
		return false
	}
	for i := range l.steps {
		s, m := &l.steps[i], &match[i]
		if len(m.Value) != s.size || len(m.Mask) != s.size {
			return false
		}
		mask := pipeline.Number(m.Mask)
		if mask>>(s.width-1)>>1 != 0 { // would reach into the neighbour
			return false
		}
		value := pipeline.Number(m.Value) & mask
		if s.left >= 0 {
			mask, value = bits.ReverseBytes64(mask<<s.left), bits.ReverseBytes64(value<<s.left)
		}
		word := out[s.off:][:16]
		le.PutUint64(word, le.Uint64(word)|mask<<s.shift)
		le.PutUint64(word[8:], le.Uint64(word[8:])|value<<s.shift)
	}
	return true
}
