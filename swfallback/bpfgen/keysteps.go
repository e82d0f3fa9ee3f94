package bpfgen

import (
	"math/bits"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A keyStep checks and writes a piece of a component of a match in one go. Tables are filled with many entries at a time.
type keyStep struct {
	key      int // the component
	kind     pipeline.MatchKind
	width    int    // bits of the component
	bytes    int    // of the component
	from, to int    // bytes of the component that the piece has
	lo       int    // bits of the component behind the piece
	ones     uint64 // the largest number that the piece can be
	off      int    // of the piece in the key; of a classifier: of mask and value in the match
	size     int    // bytes of the piece in the key
	shift    int
	left     int // bits by which the number is less than 8 bytes, where it is in wire order; else -1
}

// newSteps returns the steps that write a match, nil where some component cannot be written so.
func (l *keyLayout) newSteps(keys []*pipeline.Key) []keyStep {
	var steps []keyStep
	for i, k := range keys {
		ps := l.pieces[i]
		if len(ps) == 0 || k.Kind == pipeline.MatchRange || k.Kind == pipeline.MatchOptional && len(ps) > 1 {
			return nil
		}
		for _, p := range ps {
			if p.lo < 0 || p.lo%8 != 0 {
				return nil
			}
			s := keyStep{key: i, kind: k.Kind, width: k.Width, bytes: (k.Width + 7) / 8, lo: p.lo,
				ones: lowMask(min(p.width, k.Width-p.lo)), off: p.off, size: p.size, shift: p.shift, left: -1}
			s.to = s.bytes - p.lo/8
			s.from = max(0, s.to-(p.width+7)/8)
			if p.wire {
				s.left = 64 - p.width
			}
			if l.words > 0 {
				s.off *= 2
			}
			steps = append(steps, s)
		}
	}
	return steps
}

// putSteps writes a match that CheckEntry finds nothing wrong with where zeros are. It returns false, and has not done all
// of it, where the match is not such a one or there are no steps.
func (l *keyLayout) putSteps(out []byte, match []pipeline.Match) bool {
	if len(l.steps) == 0 || len(match) != len(l.pieces) {
		return false
	}
	for i := range l.steps {
		s := &l.steps[i]
		m := &match[s.key]
		if len(m.Value) != s.bytes || m.High != nil {
			return false
		}
		value, mask, ok := pipeline.Number(m.Value[s.from:s.to]), uint64(0), true
		if s.kind == pipeline.MatchTernary { // not in a function of its own: these tables have many components
			if len(m.Mask) != s.bytes || m.Prefix != 0 {
				return false
			}
			mask = pipeline.Number(m.Mask[s.from:s.to])
		} else {
			mask, ok = s.mask(m)
		}
		if !ok || value&^mask|mask&^s.ones != 0 {
			return false
		}
		if s.left >= 0 {
			mask, value = bits.ReverseBytes64(mask<<s.left), bits.ReverseBytes64(value<<s.left)
		}
		if l.words == 0 {
			orWord(out[s.off:], s.size, value<<s.shift)
			continue
		}
		word := out[s.off:][:16]
		le.PutUint64(word, le.Uint64(word)|mask<<s.shift)
		le.PutUint64(word[8:], le.Uint64(word[8:])|value<<s.shift)
	}
	if l.prefix >= 0 {
		le.PutUint32(out, uint32(l.prefixBase+match[l.prefix].Prefix))
	}
	return true
}

// mask returns which bits of a component's piece are compared, where it is not a ternary one, and whether CheckEntry finds
// nothing wrong with what says so.
func (s *keyStep) mask(m *pipeline.Match) (uint64, bool) {
	switch s.kind {
	case pipeline.MatchOptional:
		if len(m.Mask) != s.bytes || m.Prefix != 0 {
			return 0, false
		}
		mask := pipeline.Number(m.Mask[s.from:s.to])
		return mask, mask == 0 || mask == s.ones
	case pipeline.MatchLPM:
		free := max(0, s.width-m.Prefix-s.lo) // bits of the piece that are not compared
		return s.ones &^ lowMask(free), m.Mask == nil && uint(m.Prefix) <= uint(s.width)
	}
	return s.ones, m.Mask == nil && m.Prefix == 0
}
