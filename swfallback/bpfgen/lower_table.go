package bpfgen

import (
	"math/big"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// lowerTable makes the code of a table: lookup, the entry's action or the default, and what comes next.
func (l *lowerer) lowerTable(p *point, t *pipeline.Table, st *state) {
	lay := l.obj.Tables[t.Index]
	anyway := func(st *state) { l.lookupAny(p, t, lay, st) }
	if k := l.opts.Known.of(t); k != nil {
		l.ifTrusting(st, func(st *state) { l.lookupKnown(p, t, lay, st, k) }, anyway)
		return
	}
	anyway(st)
}

// lookupAny is lowerTable for whatever the table holds.
func (l *lowerer) lookupAny(p *point, t *pipeline.Table, lay *TableLayout, st *state) {
	if lay == nil || !lay.HasEntries() {
		l.miss(p, t, lay, st)
		return
	}
	if lay.Written {
		l.lookupText(p, t, lay, st, l.ownText(p, t, lay))
		return
	}
	hit := func(st *state, entry *value) { l.hit(p, t, lay, st, entry) }
	miss := func(st *state) { l.miss(p, t, lay, st) }
	if lay.Arena != nil && lay.Arena.Direct > 0 {
		l.lookupDirect(t, lay, st, hit, miss)
		return
	}
	if lay.Arena != nil {
		l.lookupArena(t, lay, st, hit, miss)
		return
	}
	switch lay.Kind {
	case LookupHash:
		l.lookupHash(t, lay, st, hit, miss)
	case LookupLPM:
		l.lookupLPM(t, lay, st, hit, miss)
	case LookupClassifier:
		l.classify(t, lay, st, hit, miss)
	default:
		miss(st)
	}
}

// keyNums evaluates the components of a key. A field of an invalid header counts as zero, as in BMv2, whatever it was when
// the header was valid.
func (l *lowerer) keyNums(t *pipeline.Table, st *state) []num {
	var out []num
	held := make(map[*pipeline.Header]*value) // all ones where the header is valid, else 0
	for _, k := range t.Keys {
		n := append(num(nil), l.eval(st, k.Expr, k.Width, nil)...)
		if ref, ok := k.Expr.(*pipeline.FieldRef); ok && l.home != nil && !ref.Header.Metadata {
			if held[ref.Header] == nil {
				held[ref.Header] = l.alu(opSub, l.konst(0), l.isValid(l.hold(ref.Header)))
			}
			for i := range n {
				n[i] = l.alu(opAnd, n[i], held[ref.Header])
			}
		}
		if k.Mask != nil {
			for i, m := range l.constNum(k.Mask, k.Width) {
				n[i] = l.alu(opAnd, n[i], m)
			}
		}
		out = append(out, n)
	}
	return out
}

// encodePiece is piece.encode in instructions.
func (l *lowerer) encodePiece(p piece, n num) *value {
	v := l.cut(n, p.lo, p.width)
	if p.wire {
		v = l.swap(l.aluC(opShl, v, uint64(64-p.width)), 8)
	}
	return l.aluC(opShl, v, uint64(p.shift))
}

// keyWords packs the components of a key into the words of a layout, by offset; sizes are those of the words.
func (l *lowerer) keyWords(key *keyLayout, nums []num) (words map[int]*value, sizes map[int]int) {
	words, sizes = make(map[int]*value), make(map[int]int)
	for i, ps := range key.pieces {
		for _, p := range ps {
			v := l.encodePiece(p, nums[i])
			if old, ok := words[p.off]; ok {
				v = l.alu(opOr, old, v)
			}
			words[p.off], sizes[p.off] = v, p.size
		}
	}
	return words, sizes
}

// storeWords writes the words of a key to the stack.
func (l *lowerer) storeWords(key *slot, words map[int]*value, sizes map[int]int) {
	for off := range key.size {
		if v, ok := words[off]; ok {
			l.store(l.frame(key, 0), off, sizes[off], v)
		}
	}
}

func (l *lowerer) lookupHash(t *pipeline.Table, lay *TableLayout, st *state, hit func(*state, *value), miss func(*state)) {
	key := l.f.newSlot(lay.KeySize)
	words, sizes := l.keyWords(&lay.key, l.keyNums(t, st))
	l.storeWords(key, words, sizes)
	st.dropLoaded(l.index)
	l.found(st, l.lookup(lay.Map, l.frame(key, 0)), hit, miss)
}

func (l *lowerer) lookupLPM(t *pipeline.Table, lay *TableLayout, st *state, hit func(*state, *value), miss func(*state)) {
	key := l.f.newSlot(lay.KeySize)
	key.bias = 4 // so that what is behind the prefix length can be written in words of 8 bytes
	width := lay.key.prefixBase
	for _, k := range t.Keys {
		if k.Kind == pipeline.MatchLPM {
			width += k.Width
		}
	}
	l.store(l.frame(key, 0), 0, 4, l.konst(uint64(width)))
	words, sizes := l.keyWords(&lay.key, l.keyNums(t, st))
	l.storeWords(key, words, sizes)
	st.dropLoaded(l.index)
	l.found(st, l.lookup(lay.Map, l.frame(key, 0)), hit, miss)
}

// found goes two ways on a lookup's result.
func (l *lowerer) found(st *state, entry *value, hit func(*state, *value), miss func(*state)) {
	l.split(st, condEq, entry, l.konst(0), miss, func(st *state) { hit(st, entry) })
}

// classify scans the rules of a classifier.
func (l *lowerer) classify(t *pipeline.Table, lay *TableLayout, st *state, hit func(*state, *value), miss func(*state)) {
	l.scan(scan{name: t.Name, mapName: lay.Map, key: &lay.key, base: lay.valueBytes()}, st,
		func(st *state) []num { return l.keyNums(t, st) }, hit, miss)
}

// hit runs an entry's action.
func (l *lowerer) hit(p *point, t *pipeline.Table, lay *TableLayout, st *state, entry *value) {
	l.noteHit(t, lay, st, entry, func() *value { return l.load(entry, valueSlot, 4) })
	if lay.profile != nil {
		l.hitMember(p, t, lay, st, entry)
		return
	}
	l.dispatch(p, t, lay.calls(), st, entry, true)
}

// noteHit counts a hit, meters it and writes its time, as the table asks for; slot gives the entry's slot. entry is nil
// where it is part of the program.
func (l *lowerer) noteHit(t *pipeline.Table, lay *TableLayout, st *state, entry *value, slot func() *value) {
	if l.opts.Trace {
		l.trace(TraceHit, slot(), l.konst(0))
	}
	if lay.Arena != nil && lay.Arena.Counters != 0 {
		l.countArena(st, lay.Arena, entry, slot)
	}
	if lay.CounterMap == "" && lay.HitMap == "" && lay.MeterMap == "" {
		return
	}
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, slot())
	if lay.CounterMap != "" {
		l.count(st, lay.CounterMap, key)
	}
	if lay.MeterMap != "" {
		l.meterEntry(st, t, lay, key)
	}
	if lay.HitMap != "" {
		l.stamp(st, lay.HitMap, key)
	}
}

// tableCall is an action of a table, as values have it.
type tableCall struct {
	action *pipeline.Action
	index  int       // in Table.Actions
	id     int       // its number in values
	params [][]piece // where its arguments are, by parameter
}

// calls returns the actions of a table as its own values have them.
func (l *TableLayout) calls() []tableCall {
	var out []tableCall
	for i, a := range l.call.list {
		out = append(out, tableCall{action: a, index: i, id: i + 1, params: l.call.actions[i].params})
	}
	return out
}

// dispatch runs the action that a value names. It is one of calls: only this package writes values.
func (l *lowerer) dispatch(p *point, t *pipeline.Table, calls []tableCall, st *state, entry *value, hit bool) {
	id := l.load(entry, valueAction, 2)
	var try func(st *state, i int)
	try = func(st *state, i int) {
		c := &calls[i]
		a := c.action
		run := func(st *state) {
			env := &actionEnv{point: p, entry: entry, layout: c.params, cache: make([]num, len(a.Params))}
			for _, q := range a.Params {
				env.widths = append(env.widths, q.Width)
			}
			l.action(p, t, a, c.index, st, env, hit)
		}
		if i == len(calls)-1 {
			run(st)
			return
		}
		l.split(st, condEq, id, l.konst(uint64(c.id)), run, func(st *state) { try(st, i+1) })
	}
	if len(calls) == 0 {
		l.goTo(l.afterTable(p, t, -1, hit), st)
		return
	}
	try(st, 0)
}

// action runs an action and goes on behind the table.
func (l *lowerer) action(p *point, t *pipeline.Table, a *pipeline.Action, i int, st *state, env *actionEnv, hit bool) {
	l.trace(TraceAction, l.konst(uint64(i)), l.konst(0))
	l.body(st, a.Body, 0, env, func(st *state) { l.goTo(l.afterTable(p, t, i, hit), st) })
}

// afterTable returns what comes after a table in which action i ran, -1 for none.
func (l *lowerer) afterTable(p *point, t *pipeline.Table, i int, hit bool) *point {
	switch {
	case t.ByHit && hit:
		return l.next(t.HitNext, p.egress)
	case t.ByHit:
		return l.next(t.MissNext, p.egress)
	case i >= 0 && i < len(t.Next):
		return l.next(t.Next[i], p.egress)
	}
	return l.next(t.EmptyNext, p.egress)
}

// miss runs the default action: the one of DefaultMap, or the program's own.
func (l *lowerer) miss(p *point, t *pipeline.Table, lay *TableLayout, st *state) {
	l.trace(TraceMiss, l.konst(0), l.konst(0))
	if lay == nil || lay.DefaultMap == "" {
		l.ownDefault(p, t, st)
		return
	}
	entry := l.mapValue(lay.DefaultMap)
	id := l.load(entry, valueAction, 2)
	l.split(st, condEq, id, l.konst(0),
		func(st *state) { l.ownDefault(p, t, st) },
		func(st *state) { l.dispatch(p, t, lay.calls(), st, entry, false) })
}

// ownDefault runs the default action that the program states.
func (l *lowerer) ownDefault(p *point, t *pipeline.Table, st *state) {
	if t.Default == nil {
		l.goTo(l.afterTable(p, t, -1, false), st)
		return
	}
	l.fixedAction(p, t, t.Default, st, false)
}

// fixedAction runs an action with the arguments that the program states.
func (l *lowerer) fixedAction(p *point, t *pipeline.Table, call *pipeline.ActionCall, st *state, hit bool) {
	i := slices.Index(t.Actions, call.Action)
	if i < 0 {
		l.unsupported("action " + call.Action.Name + " that is none of the actions of " + t.Name)
		return
	}
	env := &actionEnv{point: p, params: []num{}}
	for j, q := range call.Action.Params {
		env.params = append(env.params, l.constNum(new(big.Int).SetBytes(call.Args[j]), q.Width))
		env.widths = append(env.widths, q.Width)
	}
	l.action(p, t, call.Action, i, st, env, hit)
}
