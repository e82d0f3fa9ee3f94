package bpfgen

import "github.com/p4dev/p4dev/firmware/pipeline"

// A program can be made anew for what its small tables hold: entries and default actions become part of its text, as
// those of a table do that only the program fills. Code for any contents stays in it. Which of the two a packet takes
// is decided where it comes to the first such table, by a word in the arena, and holds for the whole packet: it meets
// the tables as they were when it looked. A process that is about to change one of them changes the word first.

// Known is what tables hold.
type Known struct {
	// Word is what the arena has at ArenaKnown as long as this is right; not 0.
	Word   uint32
	Tables []*KnownTable // by pipeline.Table.Index; nil: nothing is known of the table
}

// KnownTable is what one table holds.
type KnownTable struct {
	Entries []*pipeline.Entry    // all of them; no two that match one packet have the same priority
	Slots   []uint32             // of each entry
	Default *pipeline.ActionCall // the default action that was set; nil: what the program says
}

// ArenaKnown is the address in the arena of a word that packets compare with Known.Word, 4 bytes, little-endian. What
// lies behind it, up to ArenaKnownEnd, belongs to processes.
const (
	ArenaKnown    = 128
	ArenaKnownEnd = arenaHeads
)

// MostKnown is how many entries of a table may be known.
const MostKnown = mostWritten

// CanKnow reports whether what a table holds may become part of the program's text: not where its entries refer to an
// action profile.
func (l *TableLayout) CanKnow() bool { return l.profile == nil }

// of returns what is known of a table.
func (k *Known) of(t *pipeline.Table) *KnownTable {
	if k == nil {
		return nil
	}
	return k.Tables[t.Index]
}

// trust says whether a packet goes by what is known of tables.
type trust uint8

// The kinds of trust.
const (
	undecided trust = iota
	trusting
	doubting
)

// ifTrusting goes one of two ways, the same for all tables that a packet meets.
func (l *lowerer) ifTrusting(st *state, yes, no func(*state)) {
	switch st.trust {
	case trusting:
		yes(st)
		return
	case doubting:
		no(st)
		return
	}
	word := l.load(l.cast(l.arenaAt(ArenaKnown)), 0, 4)
	then := func(t trust, way func(*state)) func(*state) {
		return func(st *state) {
			st.trust = t
			way(st)
		}
	}
	l.split(st, condEq, word, l.konst(uint64(l.opts.Known.Word)), then(trusting, yes), then(doubting, no))
}

// lookupKnown compares the key of a table with the entries that it is known to hold.
func (l *lowerer) lookupKnown(p *point, t *pipeline.Table, lay *TableLayout, st *state, k *KnownTable) {
	l.lookupText(p, t, lay, st, text{k.Entries, k.Slots, func(st *state) {
		if k.Default != nil {
			l.fixedAction(p, t, k.Default, st, false)
			return
		}
		l.ownDefault(p, t, st)
	}})
}
