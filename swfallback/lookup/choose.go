package lookup

import (
	"math"
	"math/bits"
	"slices"
)

// build makes a set for cells where the present one is not. It returns the cells that belong into vectors.
func (r *Rules) build(cells []uint32) (ruleSet, []uint32, error) {
	base, err := r.halves.begin(r.mem, r.set.base)
	if err != nil {
		return ruleSet{}, nil, err
	}
	s := ruleSet{r, base, r.shape.Link}
	if s.next == r.set.next {
		s.next += 4
	}
	end := RuleGroups + mostGroups*GroupSize(r.shape.Words)
	if err := r.halves.extend(r.mem, base, end); err != nil {
		return ruleSet{}, nil, err
	}
	r.mem.put(base, 0)
	rest, n := cells, len(cells)
	for len(rest) > mostList && s.groups() < mostGroups {
		mask, share := r.choose(rest)
		if share < min(len(rest)/leastShare, worthy) {
			break
		}
		group, err := s.addGroup(&mask, share, &end)
		if err != nil {
			return ruleSet{}, nil, err
		}
		rest = slices.DeleteFunc(rest, func(c uint32) bool { return s.into(group, c, r.wordsOf(c)) })
	}
	if len(rest) <= mostList {
		rest = slices.DeleteFunc(rest, func(c uint32) bool { return s.link(base, c, mostList) })
	}
	r.mem.put(base+setRules, uint64(n))
	r.mem.put(base+setBuilt, uint64(n))
	r.mem.put(base+setApart, uint64(len(rest)))
	return s, rest, nil
}

// addGroup adds a group without rules. Its buckets come where the set ends.
func (s *ruleSet) addGroup(mask *[MostWords]uint64, rules int, end *int) (uint32, error) {
	indexed := min(bits.Len(uint(rules)), bits.Len(uint(s.shape.Rules)))
	buckets := *end
	*end += 4 << indexed
	if err := s.halves.extend(s.mem, s.base, *end); err != nil {
		return 0, err
	}
	group := s.group(s.groups())
	s.mem.put(group, uint64(64-indexed)<<32|uint64(s.base)+uint64(buckets))
	s.mem.put(group+GroupRank, 0)
	copy(s.mem.Words(group+GroupMask, s.shape.Words), mask[:])
	clear(s.mem.Bytes(s.base+uint32(buckets), 4<<indexed))
	s.mem.store32(s.base+4, uint32(s.groups()+1))
	return group, nil
}

// ruleSample is some of the rules, from which the mask of a group is chosen.
type ruleSample struct {
	rules [mostSample]RuleWords
	some  []int // rules that the group would have
	sums  []uint64
	scale float64 // rules for one of the sample
}

const (
	leastShare = 4    // a group is made for one of so many rules at least,
	worthy     = 1024 // or for so many
	mostSample = 256
	mostCrowd  = 4 // rules that share a bucket with one, on the average
)

// choose picks the mask of a group for some of the cells, and says how many it will probably have.
func (r *Rules) choose(cells []uint32) (mask [MostWords]uint64, share int) {
	if r.sample == nil {
		r.sample = new(ruleSample)
	}
	s := r.sample
	n := min(len(cells), mostSample)
	s.scale = float64(len(cells)) / float64(n)
	s.some = s.some[:0]
	for i := range n {
		s.rules[i] = RuleWords{}
		r.rule.Words(cells[i*len(cells)/n], &s.rules[i])
		s.some = append(s.some, i)
	}
	for {
		mask = s.meet()
		if s.crowd(&mask) <= mostCrowd {
			return mask, int(float64(len(s.some)) * s.scale)
		}
		if !s.divide(&mask) {
			return mask, 0
		}
	}
}

// meet is what the masks have in common.
func (s *ruleSample) meet() (mask [MostWords]uint64) {
	for i := range mask {
		mask[i] = math.MaxUint64
		for _, j := range s.some {
			mask[i] &= s.rules[j].Masks[i]
		}
	}
	return mask
}

// crowd is how many rules share a bucket with one under a mask, on the average over all rules.
func (s *ruleSample) crowd(mask *[MostWords]uint64) float64 {
	s.sums = s.sums[:0]
	for _, j := range s.some {
		sum := uint64(0)
		for i, m := range mask {
			sum = AddWord(sum, s.rules[j].Values[i]&m)
		}
		s.sums = append(s.sums, sum)
	}
	slices.Sort(s.sums)
	pairs, run := 0, 0
	for i := 1; i < len(s.sums); i++ {
		if run++; s.sums[i] != s.sums[i-1] {
			run = 0
		}
		pairs += run
	}
	return 2 * float64(pairs) / float64(len(s.some)) * s.scale
}

// divide keeps the rules that have one bit more in their masks: of the bits whose values differ that which most of
// the rules have. It returns false where no bit is left.
func (s *ruleSample) divide(mask *[MostWords]uint64) bool {
	var have, set [MostWords][64]int
	for _, j := range s.some {
		for i, m := range mask {
			for left := s.rules[j].Masks[i] &^ m; left != 0; left &= left - 1 {
				b := bits.TrailingZeros64(left)
				have[i][b]++
				set[i][b] += int(s.rules[j].Values[i] >> b & 1)
			}
		}
	}
	word, bit, most := 0, 0, 0
	for i := range have {
		for b, n := range have[i] {
			if n > most && set[i][b] != 0 && set[i][b] != n {
				word, bit, most = i, b, n
			}
		}
	}
	s.some = slices.DeleteFunc(s.some, func(j int) bool { return s.rules[j].Masks[word]>>bit&1 == 0 })
	return most > 0
}
