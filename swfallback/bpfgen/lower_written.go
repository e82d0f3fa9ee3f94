package bpfgen

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Where all entries of a table are the program's own and few, they are written out: the program compares the key with
// one after the other, and what a hit runs has constants for its data, which later code is simplified by. The table has
// no map then. Slots are those that a map would have had: 1 for the first entry of the program, and so on.

// mostWritten is how many entries of the program are written out.
const mostWritten = 8

// writtenOut reports whether the entries of a table are written out.
func writtenOut(t *pipeline.Table) bool {
	return t.Immutable && t.Profile == nil && len(t.Entries) > 0 && len(t.Entries) <= mostWritten
}

// WrittenSlot is the slot of the program's i-th entry in a table of which Written is set.
func WrittenSlot(i int) uint32 { return uint32(i + 1) }

// text is what a table holds, as part of a program.
type text struct {
	entries []*pipeline.Entry
	slots   []uint32     // of each entry
	miss    func(*state) // what a packet does that none of them matches
}

// ownText returns the program's own entries of a table.
func (l *lowerer) ownText(p *point, t *pipeline.Table, lay *TableLayout) text {
	x := text{entries: t.Entries, miss: func(st *state) { l.miss(p, t, lay, st) }}
	for i := range t.Entries {
		x.slots = append(x.slots, WrittenSlot(i))
	}
	return x
}

// searchOrder returns the numbers of entries so that the first that matches wins.
func searchOrder(t *pipeline.Table, entries []*pipeline.Entry) []int {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	prefix := slices.IndexFunc(t.Keys, func(k *pipeline.Key) bool { return k.Kind == pipeline.MatchLPM })
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := entries[a], entries[b]
		if prefix < 0 || t.NeedsPriority() {
			return cmp.Compare(y.Priority, x.Priority)
		}
		return cmp.Compare(y.Match[prefix].Prefix, x.Match[prefix].Prefix)
	})
	return order
}

// lookupText compares the key of a table with entries.
func (l *lowerer) lookupText(p *point, t *pipeline.Table, lay *TableLayout, st *state, x text) {
	src, nums := l.src, l.keyNums(t, st)
	for _, i := range searchOrder(t, x.entries) {
		claims, possible := l.openClaims(t, x.entries[i], nums, st)
		if !possible {
			continue
		}
		in, next := st.clone(), l.f.newBlock("")
		for _, c := range claims {
			l.unless(c.cond.inverse(), c.x, l.konst(c.k), next)
			in.learn(l.index, l.builder, c.x, c.cond, c.k)
		}
		l.noteHit(t, lay, in, nil, func() *value { return l.konst(uint64(x.slots[i])) })
		l.fixedAction(p, t, x.entries[i].Call, in, true)
		if len(claims) == 0 {
			return
		}
		if len(claims) == 1 {
			c := claims[0]
			st.learn(l.index, l.builder, c.x, c.cond.inverse(), c.k)
		}
		l.cur, l.src = next, src
	}
	x.miss(st)
}

// claim is a comparison with a constant that holds for the packets that an entry matches.
type claim struct {
	cond cond
	x    *value
	k    uint64
}

// openClaims lists the claims of an entry that are not known to hold. It is not possible that it matches where one is
// known not to.
func (l *lowerer) openClaims(t *pipeline.Table, e *pipeline.Entry, nums []num, st *state) (open []claim, possible bool) {
	for i, k := range t.Keys {
		for _, c := range l.claimsOf(k, &e.Match[i], nums[i]) {
			holds, known := st.decide(c.cond, c.x, l.konst(c.k))
			if known && !holds {
				return nil, false
			}
			if !known {
				open = append(open, c)
			}
		}
	}
	return open, true
}

// claimsOf lists what holds for a component of the key that matches.
func (l *lowerer) claimsOf(k *pipeline.Key, m *pipeline.Match, n num) (list []claim) {
	if k.Kind == pipeline.MatchRange {
		return l.claimsOfRange(k, m, n)
	}
	mask := matchMask(k, m)
	for i, x := range n {
		if bits := bitsOf(mask, 64*i); bits != 0 {
			list = append(list, claim{condEq, l.aluC(opAnd, x, bits), bitsOf(m.Value, 64*i) & bits})
		}
	}
	return list
}

func (l *lowerer) claimsOfRange(k *pipeline.Key, m *pipeline.Match, n num) (list []claim) {
	if len(n) > 1 {
		bound := func(b []byte) num { return l.constNum(new(big.Int).SetBytes(b), k.Width) }
		below, above := l.less(n, bound(m.Value), false), l.less(bound(m.High), n, false)
		return []claim{{condEq, below, 0}, {condEq, above, 0}}
	}
	if low := bitsOf(m.Value, 0); low > 0 {
		list = append(list, claim{condGe, n[0], low})
	}
	if high := bitsOf(m.High, 0); high < lowMask(k.Width) {
		list = append(list, claim{condLe, n[0], high})
	}
	return list
}
