package bpfgen

import (
	"math/bits"
	"sort"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A piece is a part of at most 64 bits of a value and its place in memory: a word of size bytes at off, the
// piece's lowest bit shifted to shift. In wire order the piece's bytes stand in the word as they stand in a
// packet, so that they can be copied without swapping; width is then a multiple of 8.
type piece struct {
	lo, width int // bits of the value, from its least significant
	off, size int
	shift     int
	wire      bool
}

// encode returns the piece's bits of a word; v holds the piece's value.
func (p piece) encode(v uint64) uint64 {
	if p.wire {
		v = bits.ReverseBytes64(v << (64 - p.width))
	}
	return v << p.shift
}

// decode is the inverse of encode; other pieces of the word are ignored.
func (p piece) decode(word uint64) uint64 {
	v := word >> p.shift & lowMask(p.width)
	if p.wire {
		v = bits.ReverseBytes64(v) >> (64 - p.width)
	}
	return v
}

// lowMask returns a number with the low n bits set; n is 0 to 64.
func lowMask(n int) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return 1<<n - 1
}

// keyLayout places the components of a table's key.
type keyLayout struct {
	pieces [][]piece // by key; least significant piece first
	size   int       // bytes
	// prefix is, for LPM tries, the component that is a prefix, else -1, and prefixBase how many bits in front of it are
	// always compared.
	prefix, prefixBase int
	// ranges are the byte offsets of low and high bound of range components in a classifier's rule,
	// relative to the match; -1 for other components.
	ranges []int
	words  int       // of a classifier: 8-byte words with mask and value; else 0
	steps  []keyStep // or nil: see putSteps
}

// wireKey reports whether the component comes straight from a packet's bytes.
func wireKey(k *pipeline.Key) bool {
	ref, ok := k.Expr.(*pipeline.FieldRef)
	return ok && wireField(ref, k.Width)
}

// wireField reports whether a field of a packet header stands in whole bytes, more than one.
func wireField(ref *pipeline.FieldRef, width int) bool {
	return !ref.Header.Metadata && !ref.Field.Var && ref.Field.Width == width &&
		width%8 == 0 && width > 8 && ref.Field.Offset%8 == 0
}

// packKey lays out the components of a hash key: bit by bit in words of 8 bytes, the widest first and at the
// top of their word, where shifting alone puts them.
func packKey(t *pipeline.Table, skip func(*pipeline.Key) bool) keyLayout {
	l := keyLayout{pieces: make([][]piece, len(t.Keys)), prefix: -1}
	var parts []*keyPart
	for i, k := range t.Keys {
		if skip != nil && skip(k) {
			continue
		}
		for lo := 0; lo < k.Width; lo += 64 {
			w := min(64, k.Width-lo)
			parts = append(parts, &keyPart{key: i, piece: piece{lo: lo, width: w, wire: wireKey(k) && w > 8}})
		}
	}
	sort.SliceStable(parts, func(a, b int) bool { return parts[a].width > parts[b].width })
	var free []int // bits left at the bottom of each word
	for _, p := range parts {
		word := placePart(p, &free)
		p.off, p.size = 8*word, 8
	}
	l.size = 8 * len(free)
	trimLast(parts, free, &l)
	for _, p := range parts {
		l.pieces[p.key] = append(l.pieces[p.key], p.piece)
	}
	for _, ps := range l.pieces {
		sort.Slice(ps, func(a, b int) bool { return ps[a].lo < ps[b].lo })
	}
	return l
}

type keyPart struct {
	piece
	key int
}

// placePart finds the first word with room for the part and returns its number.
func placePart(p *keyPart, free *[]int) int {
	for i, room := range *free {
		top := room
		if p.wire {
			top -= top % 8
		}
		if top >= p.width {
			p.shift = top - p.width
			(*free)[i] = p.shift
			return i
		}
	}
	*free = append(*free, 64-p.width)
	p.shift = 64 - p.width
	return len(*free) - 1
}

// trimLast moves the parts of every word down to its bottom where they do not fill it, and makes the last word
// one of 4 bytes where that is enough.
func trimLast(parts []*keyPart, free []int, l *keyLayout) {
	if len(free) == 0 {
		return
	}
	last := len(free) - 1
	if free[last] < 32 {
		return
	}
	for _, p := range parts {
		if p.off == 8*last {
			p.shift -= 32
			p.size = 4
		}
	}
	l.size -= 4
}

// packLPM lays out the key of an LPM trie: the prefix length in 32 bits, the exact components, the prefix.
// Every component starts at a byte and is in wire order; the prefix is aligned to the left.
func packLPM(t *pipeline.Table) keyLayout {
	l := keyLayout{pieces: make([][]piece, len(t.Keys)), prefix: -1}
	off := 4
	place := func(i int, k *pipeline.Key) {
		size := (k.Width + 7) / 8
		pad := 0
		if k.Kind == pipeline.MatchLPM {
			pad = 8*size - k.Width
		}
		l.pieces[i] = wirePieces(k.Width, pad, off, size)
		off += size
	}
	for i, k := range t.Keys {
		if k.Kind != pipeline.MatchLPM {
			place(i, k)
		}
	}
	l.prefixBase = 8 * (off - 4)
	for i, k := range t.Keys {
		if k.Kind == pipeline.MatchLPM {
			place(i, k)
			l.prefix = i
		}
	}
	l.size = off
	return l
}

// wirePieces cuts a value of width bits, shifted left by pad, into stores of 8, 4, 2 and 1 bytes that write it
// in wire order at off; size bytes in all.
func wirePieces(width, pad, off, size int) []piece {
	var ps []piece
	for at := 0; at < size; {
		n := 8
		for n > size-at || (off-4+at)%n != 0 { // the key lies at a multiple of 8, less 4
			n /= 2
		}
		// The n bytes at off+at hold bits [hi-8n, hi) of the padded value.
		hi := 8 * (size - at)
		ps = append(ps, piece{lo: hi - 8*n - pad, width: 8 * n, off: off + at, size: n, wire: n > 1})
		at += n
	}
	sort.Slice(ps, func(a, b int) bool { return ps[a].lo < ps[b].lo })
	return ps
}

// packClassifier lays out a rule's match: words of mask and value, then the bounds of the range components.
func packClassifier(t *pipeline.Table) keyLayout {
	isRange := func(k *pipeline.Key) bool { return k.Kind == pipeline.MatchRange }
	l := packKey(t, isRange)
	l.words = (l.size + 7) / 8
	for i := range l.pieces {
		for j := range l.pieces[i] {
			l.pieces[i][j].size = 8
		}
	}
	l.size = 16 * l.words
	l.ranges = make([]int, len(t.Keys))
	for i, k := range t.Keys {
		l.ranges[i] = -1
		if isRange(k) {
			l.ranges[i] = l.size
			l.size += 16 * limbs(k.Width)
		}
	}
	return l
}

// actionLayout places the parameters of an action in a value, behind its header.
type actionLayout struct {
	params [][]piece // by parameter; off counts from the start of the value
	size   int       // bytes of the parameters
}

// Layout of the header of a value.
const (
	valueAction   = 0  // u16: index in Table.Actions + 1; 0: no entry
	valueFlags    = 2  // u16
	valueSlot     = 4  // u32
	valueRank     = 8  // u64, classifiers in the arena only: see lookup.Rules
	valuePriority = 12 // i32, classifiers only: the rank's upper half

	flagSkipHW  = 1 << 0
	flagSkipSW  = 1 << 1
	flagProgram = 1 << 2 // an entry of the program

	// In tables with an action profile valueAction says what the entry refers to; its number is a u32 where the
	// parameters would start.
	refMember = 1
	refGroup  = 2
)

// valueBase returns where the parameters start, and where the idle time-out is or 0.
func valueBase(t *pipeline.Table, kind LookupKind) (base, timeout int) {
	base = 8
	if kind == LookupClassifier {
		base += 8
	}
	if t.SupportTimeout {
		timeout = base
		base += 8
	}
	return base, timeout
}

// packAction places an action's parameters from base on: words of 8, 4, 2 and 1 bytes, the large ones first.
func packAction(a *pipeline.Action, base int) actionLayout {
	l := actionLayout{params: make([][]piece, len(a.Params))}
	order := make([]int, len(a.Params))
	for i := range order {
		order[i] = i
	}
	slot := func(i int) int { return paramSize(a.Params[i].Width) }
	sort.SliceStable(order, func(x, y int) bool { return slot(order[x]) > slot(order[y]) })
	off := base
	for _, i := range order {
		width, wire := a.Params[i].Width, wireParam(a, i)
		size := min(8, slot(i))
		for lo := 0; lo < width; lo += 64 {
			w := min(64, width-lo)
			l.params[i] = append(l.params[i], piece{lo: lo, width: w, off: off, size: size, wire: wire && w > 8})
			off += size
		}
	}
	l.size = off - base
	return l
}

// paramSize returns the bytes that a parameter takes.
func paramSize(width int) int {
	if width > 64 {
		return (width + 63) / 64 * 8
	}
	n := 1
	for 8*n < width {
		n *= 2
	}
	return n
}

// wireParam reports whether the parameter is better kept in wire order: it goes into a packet as it is.
func wireParam(a *pipeline.Action, index int) bool {
	width := a.Params[index].Width
	if width%8 != 0 || width <= 8 {
		return false
	}
	for _, p := range a.Body {
		if p.Op != pipeline.OpAssign && p.Op != pipeline.OpModifyField || len(p.Args) != 2 {
			continue
		}
		dst, isField := p.Args[0].(*pipeline.FieldRef)
		src, isParam := p.Args[1].(*pipeline.Param)
		if isField && isParam && src.Index == index && wireField(dst, width) {
			return true
		}
	}
	return false
}

// newTableLayout decides how a table is kept. It returns nil for a table without key whose action is fixed.
func newTableLayout(t *pipeline.Table, names *mapNames, profiles []*ProfileLayout) (*TableLayout, error) {
	l := &TableLayout{Table: t, Kind: lookupKind(t)}
	switch l.Kind {
	case LookupHash:
		l.key = packKey(t, nil)
	case LookupLPM:
		l.key = packLPM(t)
	case LookupClassifier:
		l.key = packClassifier(t)
	}
	l.key.steps = l.key.newSteps(t.Keys)
	base, _ := valueBase(t, l.Kind)
	l.call = newCallLayout(t.Actions, base)
	l.KeySize = l.key.size
	l.ValueSize = (base + l.call.params + 7) &^ 7
	if t.Profile != nil {
		l.profile, l.refAt, l.ValueSize = profiles[t.Profile.Index], base, base+8
	}
	if l.Kind == LookupClassifier {
		l.ValueSize += l.key.size
	}
	if l.KeySize > 512-64 {
		return nil, &LimitError{What: "bytes of the key of table " + t.Name, Got: l.KeySize, Max: 512 - 64, Source: t.Source}
	}
	nameMaps(l, names)
	if !l.HasEntries() && l.DefaultMap == "" && l.CounterMap == "" {
		return nil, nil
	}
	return l, nil
}

// lookupKind chooses the kind of lookup for a table.
func lookupKind(t *pipeline.Table) LookupKind {
	kind := LookupKeyless
	for _, k := range t.Keys {
		switch {
		case k.Kind.NeedsPriority():
			return LookupClassifier
		case k.Kind == pipeline.MatchLPM:
			kind = LookupLPM
		case kind == LookupKeyless:
			kind = LookupHash
		}
	}
	return kind
}

// nameMaps names the maps that the table needs.
func nameMaps(l *TableLayout, names *mapNames) {
	t := l.Table
	l.Written = writtenOut(t)
	if !l.Written && l.Kind != LookupKeyless && (len(t.Entries) > 0 || !t.Immutable) {
		l.Map = names.of("t", t.Index, t.Name)
	}
	if !t.Hidden && (!t.DefaultConst || len(t.Actions) > 0 && !t.DefaultArgs && hasParams(t.Default)) {
		l.DefaultMap = names.of("d", t.Index, t.Name)
	}
	if t.Counter != nil {
		l.CounterMap = names.of("c", t.Index, t.Name)
	}
	if t.SupportTimeout && l.HasEntries() {
		l.HitMap = names.of("h", t.Index, t.Name)
	}
}

func hasParams(c *pipeline.ActionCall) bool { return c != nil && len(c.Args) > 0 }
