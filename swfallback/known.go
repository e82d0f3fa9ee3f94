package swfallback

import (
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// Which tables the running program has in its text lies in the arena, for all processes: behind the word that packets
// look at the last number that the word has had, and a bit for each table.
const (
	arenaKnownLast = bpfgen.ArenaKnown + 8
	arenaKnownBits = bpfgen.ArenaKnown + 16
	mostKnownBits  = 8 * (bpfgen.ArenaKnownEnd - arenaKnownBits)
)

// knows reports whether the program that was specialised last has a table in its text.
func (g *generation) knows(t *pipeline.Table) bool {
	return g.memory != nil && t.Index < mostKnownBits && g.memory.Load(knownBit(t))>>(t.Index%64)&1 != 0
}

// knownNames lists the tables that the program that was specialised last has in its text.
func (g *generation) knownNames() []string {
	var names []string
	for _, t := range g.object.Program.Tables {
		if !t.Hidden && g.knows(t) {
			names = append(names, t.Name)
		}
	}
	return names
}

// knownBit returns the address of the word with a table's bit.
func knownBit(t *pipeline.Table) uint32 { return arenaKnownBits + uint32(t.Index/64*8) }

// trusted reports whether packets go by what the program has in its text.
func (g *generation) trusted() bool { return g.memory != nil && g.memory.Load(bpfgen.ArenaKnown) != 0 }

// outdate makes packets from now on look a table up, because it is about to change.
func (g *generation) outdate(t *pipeline.Table) {
	if g.knows(t) {
		g.distrust()
	}
}

// distrust makes packets look all tables up.
func (g *generation) distrust() {
	if g.trusted() {
		g.memory.Store(bpfgen.ArenaKnown, 0)
	}
}

// nextWord returns a word that no program has compared with before.
func (g *generation) nextWord() uint32 {
	word := uint32(g.memory.Load(arenaKnownLast)) + 1
	if word == 0 {
		word = 1
	}
	g.memory.Store(arenaKnownLast, uint64(word))
	return word
}

// trust makes packets go by what a program knows, which runs on all ports.
func (g *generation) trust(k *bpfgen.Known) {
	g.distrust()
	for i := uint32(arenaKnownBits); i < bpfgen.ArenaKnownEnd; i += 8 {
		g.memory.Store(i, 0)
	}
	for i, held := range k.Tables {
		if held != nil {
			bit := knownBit(g.object.Program.Tables[i])
			g.memory.Store(bit, g.memory.Load(bit)|1<<(i%64))
		}
	}
	g.memory.Store(bpfgen.ArenaKnown, uint64(k.Word))
}

// whatTablesHold reads all tables that hold so little that it can be part of the program's text.
func (g *generation) whatTablesHold() (*bpfgen.Known, error) {
	k := &bpfgen.Known{Tables: make([]*bpfgen.KnownTable, len(g.object.Program.Tables))}
	for i, layout := range g.object.Tables {
		if layout == nil || !layout.CanKnow() || i >= mostKnownBits {
			continue
		}
		var err error
		if k.Tables[i], err = g.whatTableHolds(layout); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// whatTableHolds reads one table; nil: it holds too much.
func (g *generation) whatTableHolds(layout *bpfgen.TableLayout) (*bpfgen.KnownTable, error) {
	var held bpfgen.KnownTable
	if s := g.stores[layout.Table.Index]; s != nil {
		n, err := s.count()
		if err != nil || n > bpfgen.MostKnown {
			return nil, err
		}
		if held.Entries, held.Slots, err = s.entries(); err != nil {
			return nil, err
		}
		if layout.Kind == bpfgen.LookupClassifier && samePriority(held.Entries) {
			return nil, nil // which of them comes first lies in the structure alone
		}
	}
	var err error
	held.Default, err = g.changedDefault(layout.Table)
	return &held, err
}

func samePriority(list []*pipeline.Entry) bool {
	seen := make(map[int32]bool)
	return slices.ContainsFunc(list, func(e *pipeline.Entry) bool {
		again := seen[e.Priority]
		seen[e.Priority] = true
		return again
	})
}
