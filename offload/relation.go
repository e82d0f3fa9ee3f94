package offload

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// item is one entry of a table as the manager sees it at one moment.
type item struct {
	key     string          // pipeline.EntryKey
	entry   *pipeline.Entry // as it should be
	inHW    *pipeline.Entry // as the hardware holds it, nil: not there
	inSW    bool
	swCount pipeline.Count
	hwCount pipeline.Count
	idle    time.Duration // since the last hit on either side
	order   int           // place among the table\'s entries, by insertion
	rank    int           // of overlapping entries the one with the higher rank wins
	value   []byte        // all components but ranges, side by side
	mask    []byte
	ranges  [][2][]byte // lowest and highest value of each range component
	refused string      // the device said no, in its words
}

func newItem(e *pipeline.Entry) *item {
	it := &item{key: pipeline.EntryKey(e), entry: e}
	for i, k := range e.Table.Keys {
		it.addComponent(k, &e.Match[i])
	}
	if e.Table.NeedsPriority() {
		it.rank = int(e.Priority)
	}
	return it
}

// addComponent adds one component of the match to the item's compact form. In tables without priorities the
// rank is the sum of the prefix lengths, of which BMv2 allows one.
func (it *item) addComponent(k *pipeline.Key, m *pipeline.Match) {
	switch k.Kind {
	case pipeline.MatchRange:
		it.ranges = append(it.ranges, [2][]byte{m.Value, m.High})
		return
	case pipeline.MatchTernary, pipeline.MatchOptional:
		it.mask = append(it.mask, m.Mask...)
	case pipeline.MatchLPM:
		it.mask = appendPrefixMask(it.mask, k.Width, m.Prefix)
		it.rank += m.Prefix
	default:
		it.mask = append(it.mask, bytes.Repeat([]byte{0xff}, len(m.Value))...)
	}
	it.value = append(it.value, m.Value...)
}

// appendPrefixMask appends width bits, of which the leading n are ones, as (width+7)/8 big-endian bytes.
func appendPrefixMask(b []byte, width, n int) []byte {
	size := (width + 7) / 8
	for i := range size {
		low := (size - 1 - i) * 8 // the number of the byte's lowest bit
		var one byte
		for bit := range 8 {
			if low+bit < width && low+bit >= width-n {
				one |= 1 << bit
			}
		}
		b = append(b, one)
	}
	return b
}

// overlaps reports whether some packet matches both.
func (it *item) overlaps(other *item) bool {
	for i := range it.value {
		if (it.value[i]^other.value[i])&it.mask[i]&other.mask[i] != 0 {
			return false
		}
	}
	for i := range it.ranges {
		a, b := it.ranges[i], other.ranges[i]
		if bytes.Compare(a[1], b[0]) < 0 || bytes.Compare(b[1], a[0]) < 0 {
			return false
		}
	}
	return true
}

// relation knows which entries of a table win over which others for some packet. It only has to find one
// chain between two such entries, not every pair: callers follow it.
type relation interface {
	// losers calls f for entries that it wins over.
	losers(it *item, f func(*item))
	// winners calls f for entries that win over it.
	winners(it *item, f func(*item))
}

func newRelation(t *pipeline.Table, items []*item) relation {
	switch {
	case t.NeedsPriority():
		return byPriority(items)
	case slices.ContainsFunc(t.Keys, func(k *pipeline.Key) bool { return k.Kind == pipeline.MatchLPM }):
		return newPrefixTree(items)
	}
	return disjoint{}
}

// disjoint is the relation of exact tables: no packet matches two entries.
type disjoint struct{}

func (disjoint) losers(*item, func(*item))  {}
func (disjoint) winners(*item, func(*item)) {}

// byPriority is the relation of tables with priorities: every entry is compared with every other.
type byPriority []*item

func (items byPriority) losers(it *item, f func(*item)) {
	for _, other := range items {
		if other.rank < it.rank && it.overlaps(other) {
			f(other)
		}
	}
}

func (items byPriority) winners(it *item, f func(*item)) {
	for _, other := range items {
		if other.rank > it.rank && it.overlaps(other) {
			f(other)
		}
	}
}

// prefixTree is the relation of lpm tables: a prefix loses to the longer ones inside it, which form a tree.
type prefixTree struct {
	parent   map[*item]*item
	children map[*item][]*item
}

// newPrefixTree links every prefix to the longest shorter one around it, with one look-up per length that is in
// use.
func newPrefixTree(items []*item) *prefixTree {
	tree := &prefixTree{parent: make(map[*item]*item), children: make(map[*item][]*item)}
	type level struct {
		mask  []byte
		items map[string]*item
	}
	var levels []level // by mask, in order of rank
	sorted := slices.SortedStableFunc(slices.Values(items), func(a, b *item) int { return cmp.Compare(a.rank, b.rank) })
	buf := make([]byte, 0, 64)
	for _, it := range sorted {
		for i := len(levels) - 1; i >= 0; i-- {
			if bytes.Equal(levels[i].mask, it.mask) {
				continue
			}
			buf = appendMasked(buf[:0], it.value, levels[i].mask)
			if around := levels[i].items[string(buf)]; around != nil {
				tree.parent[it] = around
				tree.children[around] = append(tree.children[around], it)
				break
			}
		}
		if n := len(levels); n == 0 || !bytes.Equal(levels[n-1].mask, it.mask) {
			levels = append(levels, level{it.mask, make(map[string]*item)})
		}
		levels[len(levels)-1].items[string(appendMasked(buf[:0], it.value, it.mask))] = it
	}
	return tree
}

func appendMasked(b, value, mask []byte) []byte {
	for i := range value {
		b = append(b, value[i]&mask[i])
	}
	return b
}

func (t *prefixTree) losers(it *item, f func(*item)) {
	if p := t.parent[it]; p != nil {
		f(p)
	}
}

func (t *prefixTree) winners(it *item, f func(*item)) {
	for _, c := range t.children[it] {
		f(c)
	}
}

// ambiguous returns the entries of which P4Runtime does not say who wins: another of the same priority
// overlaps, and runs something else. Hardware and software may differ about them.
func ambiguous(t *pipeline.Table, items []*item) map[*item]bool {
	found := make(map[*item]bool)
	if !t.NeedsPriority() {
		return found
	}
	byRank := make(map[int][]*item)
	for _, it := range items {
		for _, other := range byRank[it.rank] {
			if it.overlaps(other) && !sameResult(it.entry, other.entry) {
				found[it], found[other] = true, true
			}
		}
		byRank[it.rank] = append(byRank[it.rank], it)
	}
	return found
}

// sameResult reports whether a hit on either entry runs the same.
func sameResult(a, b *pipeline.Entry) bool {
	return sameCall(a.Call, b.Call) && sameID(a.Member, b.Member) && sameID(a.Group, b.Group)
}

func sameID(a, b *uint32) bool { return a == b || a != nil && b != nil && *a == *b }

// sameCall reports whether two calls run the same action with the same arguments.
func sameCall(a, b *pipeline.ActionCall) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Action == b.Action && slices.EqualFunc(a.Args, b.Args, bytes.Equal)
}
