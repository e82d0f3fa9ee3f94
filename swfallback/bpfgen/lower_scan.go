package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A scan is a search through the rules of a classifier: of a table, or of a parser value set.
type scan struct {
	name    string     // for a reader
	mapName string     // ARRAY_OF_MAPS whose only element holds the rules
	key     *keyLayout // of a rule's match
	base    int        // where in a rule the match starts
}

// scan looks for the first rule that matches a key, which is computed only where there are rules.
func (l *lowerer) scan(s scan, st *state, key func(*state) []num, hit func(*state, *value), miss func(*state)) {
	miss = l.join(miss)
	at := l.f.newSlot(4)
	l.store(l.frame(at, 0), 0, 4, l.konst(0))
	st.dropLoaded(l.index)
	rules := l.lookup(s.mapName, l.frame(at, 0))
	l.split(st, condEq, rules, l.konst(0), miss, func(st *state) {
		nums := key(st)
		words, _ := l.keyWords(s.key, nums)
		st.dropLoaded(l.index)
		head, out := l.f.newBlock("scan "+s.name), l.f.newBlock("no rule of "+s.name)
		i := l.f.newValue(opParam)
		i.bits = 32
		head.params = []*value{i}
		l.jump(head, l.hiddenZero())
		l.cur = head
		body := l.f.newBlock("")
		l.branch(condSpent, l.konst(0), l.konst(0), out, body)
		l.cur = body
		l.store(l.frame(at, 0), 0, 4, i)
		rule := l.call(asm.FnMapLookupElem, rules, l.frame(at, 0))
		rule.ptr = true
		test := l.f.newBlock("")
		l.branch(condEq, rule, l.konst(0), out, test)
		l.cur = test
		next := l.f.newBlock("")
		l.ruleMatches(s, rule, nums, words, next)
		hitBlock := l.cur
		l.cur = next
		l.jump(head, l.aluC(opAdd, i, 1))
		missed := st.clone()
		l.cur = out
		miss(missed)
		l.cur = hitBlock
		hit(st, rule)
	})
}

// hiddenZero returns a 0 that the verifier does not know to be one: it would follow a loop that counts from a
// known number step by step.
func (l *lowerer) hiddenZero() *value {
	v := l.load(l.mapValue(l.obj.hiddenZero()), 0, 4)
	v.bits = 32
	return v
}

// ruleMatches compares a rule with the key; it leaves for next where they differ.
func (l *lowerer) ruleMatches(s scan, rule *value, nums []num, words map[int]*value, next *block) {
	for off := 0; off < 8*s.key.words; off += 8 {
		w, ok := words[off]
		if !ok {
			continue
		}
		masked := l.alu(opAnd, w, l.load(rule, s.base+2*off, 8))
		l.unless(condNe, masked, l.load(rule, s.base+2*off+8, 8), next)
	}
	for k, at := range s.key.ranges {
		if at >= 0 {
			l.notBelow(nums[k], rule, s.base+at, condLt, next)
			l.notBelow(nums[k], rule, s.base+at+8*len(nums[k]), condGt, next)
		}
	}
}

// unless goes on, but leaves for next where a comparison holds.
func (l *lowerer) unless(c cond, x, y *value, next *block) {
	on := l.f.newBlock("")
	l.branch(c, x, y, next, on)
	l.cur = on
}

// notBelow leaves for next where a number is less (condLt) or greater (condGt) than a bound in memory.
func (l *lowerer) notBelow(n num, rule *value, at int, c cond, next *block) {
	inside := l.f.newBlock("")
	for i := len(n) - 1; i > 0; i-- {
		bound := l.load(rule, at+8*i, 8)
		l.unless(c, n[i], bound, next)
		l.unless(condNe, n[i], bound, inside)
	}
	l.unless(c, n[0], l.load(rule, at, 8), next)
	l.jump(inside)
	l.cur = inside
}

// inValueSet goes one of two ways: whether the components of a select expression are a member of a value set.
func (l *lowerer) inValueSet(p *point, set *pipeline.ValueSet, st *state, yes, no func(*state)) {
	lay := l.obj.ValueSets[set.Index]
	key := func(st *state) []num {
		var nums []num
		for i, k := range p.state.Key {
			n := l.eval(st, k.Expr, lay.Set.Key[i], nil)
			nums = append(nums, n, n) // compared under a mask, and with bounds
		}
		return nums
	}
	l.scan(scan{name: set.Name, mapName: lay.Map, key: &lay.key}, st, key,
		func(st *state, _ *value) { yes(st) }, no)
}
