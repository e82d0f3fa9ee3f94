package lookup

import "math/bits"

// A ruleSet is the groups and the list of Rules in memory:
//
//	 0  the list's first cell, 4 bytes; the number of groups, 4 bytes
//	 8  rules, with those in vectors
//	16  rules when the set was built
//	24  of them: in vectors
//	32  the groups
//
// and of a group
//
//	 0  the address of its buckets, 4 bytes; 64 less the number of bits that index them, 4 bytes
//	 8  the best rank, or a better one
//	16  its mask, word by word
//
// A bucket is the address of its first cell, 4 bytes. Chains are in the order of ranks.
type ruleSet struct {
	*Rules
	base uint32 // address; 0: there is no set
	next uint32 // where in a cell its chains have the next one
}

// What a program needs to know of a set.
const (
	RuleGroups = 32 // address of the groups in a set
	GroupRank  = 8  // in a group
	GroupMask  = 16 // in a group
)

const (
	setRules = 8
	setBuilt = 16
	setApart = 24

	mostGroups = 8
	mostList   = 16 // rules of the list
	mostChain  = 16 // rules of a chain
)

// GroupSize is the size of a group in a set.
func GroupSize(words int) int { return GroupMask + 8*words }

// setSize is the most that a set takes.
func setSize(s RuleShape) int {
	return (RuleGroups + mostGroups*GroupSize(s.Words) + mostGroups*4<<bits.Len(uint(s.Rules)) + 4095) &^ 4095
}

func (r *Rules) setAt(root uint64) ruleSet { return ruleSet{r, uint32(root), uint32(root >> 32)} }

func (s *ruleSet) count(at uint32) int     { return int(s.mem.Load(s.base + at)) }
func (s *ruleSet) add(at uint32, more int) { s.mem.Store(s.base+at, uint64(s.count(at)+more)) }

func (s *ruleSet) groups() int { return int(s.mem.Load32(s.base + 4)) }

func (s *ruleSet) group(i int) uint32 {
	return s.base + RuleGroups + uint32(i*GroupSize(s.shape.Words))
}

// holds reports whether a mask has all bits of a group's.
func (s *ruleSet) holds(group uint32, masks *[MostWords]uint64) bool {
	for i, m := range s.mem.Words(group+GroupMask, s.shape.Words) {
		if m&^masks[i] != 0 {
			return false
		}
	}
	return true
}

// bucket returns the address of the bucket where a key belongs.
func (s *ruleSet) bucket(group uint32, key []uint64) uint32 {
	sum := uint64(0)
	for i, m := range s.mem.Words(group+GroupMask, s.shape.Words) {
		sum = AddWord(sum, key[i]&m)
	}
	return s.mem.Load32(group) + uint32(sum>>s.mem.Load32(group+4))<<2
}

// spot returns the address of the link in a chain where a rule of a rank belongs, 0 when the chain has most rules.
func (s *ruleSet) spot(chain uint32, rank uint64, most int) uint32 {
	spot := uint32(0)
	for at := chain; ; most-- {
		cell := s.mem.Load32(at)
		if spot == 0 && (cell == 0 || s.rank(cell) < rank) {
			spot = at
		}
		switch {
		case most == 0:
			return 0
		case cell == 0:
			return spot
		}
		at = cell + s.next
	}
}

// outgrown reports whether a set does not suit the rules any more when there will be some more.
func (s *ruleSet) outgrown(more int) bool {
	if s.base == 0 {
		return true
	}
	n := s.count(setRules) + more
	return n > 2*s.count(setBuilt)+mostList || n <= mostList/2 && (s.groups() > 0 || s.vectors.count > 0)
}

// unfit reports whether a set does not suit the rules any more when so many are in vectors.
func (s *ruleSet) unfit(apart int) bool {
	built := s.count(setApart)
	return apart > 2*built+s.count(setBuilt)/8 || built == 0 && s.groups() == 0
}

// insert puts a cell into the first chain where it fits, false where there is none.
func (s *ruleSet) insert(cell uint32) bool {
	rule := s.wordsOf(cell)
	for i := range s.groups() {
		if s.into(s.group(i), cell, rule) {
			return true
		}
	}
	return s.link(s.base, cell, mostList)
}

// into puts a cell into a group, false where it does not fit.
func (s *ruleSet) into(group, cell uint32, rule *RuleWords) bool {
	if !s.holds(group, &rule.Masks) {
		return false
	}
	if rank := s.rank(cell); rank > s.mem.Load(group+GroupRank) {
		s.mem.Store(group+GroupRank, rank)
	}
	return s.link(s.bucket(group, rule.Values[:]), cell, mostChain)
}

// link puts a cell into a chain, false when it has most rules.
func (s *ruleSet) link(chain, cell uint32, most int) bool {
	at := s.spot(chain, s.rank(cell), most)
	if at == 0 {
		return false
	}
	s.mem.put32(cell+s.next, s.mem.Load32(at))
	s.mem.store32(at, cell)
	return true
}

// locate returns the address of the link that leads to a cell, 0 where it is in no chain.
func (s *ruleSet) locate(cell uint32) uint32 {
	rule := s.wordsOf(cell)
	for i := range s.groups() {
		if g := s.group(i); s.holds(g, &rule.Masks) {
			if at := s.before(s.bucket(g, rule.Values[:]), cell); at != 0 {
				return at
			}
		}
	}
	return s.before(s.base, cell)
}

// before returns the address of the link in a chain that leads to a cell, 0 where there is none.
func (s *ruleSet) before(chain, cell uint32) uint32 {
	for at := chain; ; {
		c := s.mem.Load32(at)
		if c == cell {
			return at
		}
		if c == 0 {
			return 0
		}
		at = c + s.next
	}
}

// all returns the cells of all chains.
func (s *ruleSet) all() []uint32 {
	list := make([]uint32, 0, s.count(setRules))
	chain := func(at uint32) {
		for c := s.mem.Load32(at); c != 0; c = s.mem.Load32(c + s.next) {
			list = append(list, c)
		}
	}
	chain(s.base)
	for i := range s.groups() {
		buckets, shift := s.mem.Load32(s.group(i)), s.mem.Load32(s.group(i)+4)
		for b := range uint32(1) << (64 - shift) {
			chain(buckets + 4*b)
		}
	}
	return list
}

// find returns the best cell that matches in groups and list, with its rank.
func (s *ruleSet) find(key []uint64, matches func(cell uint32) bool) (best uint32, rank uint64) {
	chain := func(at uint32) {
		for c := s.mem.Load32(at); c != 0 && s.rank(c) > rank; c = s.mem.Load32(c + s.next) {
			if matches(c) {
				best, rank = c, s.rank(c)
				return
			}
		}
	}
	for i := range s.groups() {
		if g := s.group(i); s.mem.Load(g+GroupRank) > rank {
			chain(s.bucket(g, key))
		}
	}
	chain(s.base)
	return best, rank
}
