package bpfgen

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A classifier is a list of rules sorted by falling priority, scanned from the front: an ARRAY map of one rule
// per element, which is the only element of the table's ARRAY_OF_MAPS. Without entries that element is empty,
// and the lookup costs no more than finding that out. A rule is the entry's value, then per word of the key
// {mask, value u64}, then per range component {low, high}, in as many words of 64 bits as it takes, the least
// significant first.

// BuildClassifier returns the inner map for a table's entries, with its contents: entries[i] has slot
// slots[i]. It returns nil for no entries: the slot of the outer map is then to be deleted. Entries of equal
// priority keep their order.
func (l *TableLayout) BuildClassifier(entries []*pipeline.Entry, slots []uint32) (*ebpf.MapSpec, error) {
	if len(entries) != len(slots) {
		return nil, fmt.Errorf("bpfgen: build classifier of %s: %d entries, %d slots", l.Table.Name, len(entries), len(slots))
	}
	if len(entries) == 0 {
		return nil, nil
	}
	if most := l.MaxRules(); len(entries) > most {
		return nil, fmt.Errorf("bpfgen: build classifier of %s: %d entries, at most %d: %w",
			l.Table.Name, len(entries), most, pipeline.ErrTableFull)
	}
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(entries[b].Priority, entries[a].Priority)
	})
	spec := l.innerSpec()
	spec.MaxEntries = uint32(len(entries))
	for at, i := range order {
		rule := make([]byte, l.ValueSize)
		if err := l.putRule(rule, entries[i], slots[i]); err != nil {
			return nil, fmt.Errorf("bpfgen: build classifier of %s: %w", l.Table.Name, err)
		}
		spec.Contents = append(spec.Contents, ebpf.MapKV{Key: uint32(at), Value: rule})
	}
	return spec, nil
}

// MaxRules is how many entries a classifier can have.
func (l *TableLayout) MaxRules() int { return min(max(l.Table.Size, 1), maxRules) }

// maxRules bounds the scan, which takes time in proportion to the rules.
const maxRules = 1 << 16

// innerSpec is the template of the inner maps.
func (l *TableLayout) innerSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: l.Map, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(l.ValueSize), MaxEntries: 1,
		Flags: flagInnerMap,
	}
}

// flagInnerMap is BPF_F_INNER_MAP of linux/bpf.h: inner maps may differ in their number of elements.
const flagInnerMap = 1 << 12

// putRule writes the rule of an entry where zeros are.
func (l *TableLayout) putRule(out []byte, e *pipeline.Entry, slot uint32) error {
	if err := l.putValue(out, e, slot, 0); err != nil {
		return err
	}
	return l.putMatch(out[l.valueBytes():], e)
}

// putMatch writes the match of a rule's entry where zeros are.
func (l *TableLayout) putMatch(out []byte, e *pipeline.Entry) error {
	if l.key.putSteps(out, e.Match) {
		return nil
	}
	if err := l.checkMatch(e); err != nil {
		return err
	}
	l.key.putMatch(out, l.Table.Keys, e.Match)
	return nil
}

// putMatch writes the match of a rule. What is there already of the same match stays.
func (l *keyLayout) putMatch(out []byte, keys []*pipeline.Key, match []pipeline.Match) {
	for i, k := range keys {
		m := &match[i]
		if at := l.ranges[i]; at >= 0 {
			for j := range limbs(k.Width) {
				le.PutUint64(out[at+8*j:], bitsOf(m.Value, 64*j))
				le.PutUint64(out[at+8*(limbs(k.Width)+j):], bitsOf(m.High, 64*j))
			}
			continue
		}
		mask := matchMask(k, m)
		for _, p := range l.pieces[i] {
			w := lowMask(p.width)
			bits := bitsOf(mask, p.lo) & w
			orWord(out[2*p.off:], 8, p.encode(bits))
			orWord(out[2*p.off+8:], 8, p.encode(bitsOf(m.Value, p.lo)&bits))
		}
	}
}

// matchMask returns the mask of a component, whatever its kind.
func matchMask(k *pipeline.Key, m *pipeline.Match) []byte {
	switch k.Kind {
	case pipeline.MatchTernary, pipeline.MatchOptional:
		return m.Mask
	case pipeline.MatchLPM:
		return prefixMask(k.Width, m.Prefix)
	}
	return prefixMask(k.Width, k.Width)
}

// prefixMask returns a mask of n leading ones in width bits.
func prefixMask(width, n int) []byte {
	mask := make([]byte, (width+7)/8)
	for bit := width - n; bit < width; bit++ {
		mask[len(mask)-1-bit/8] |= 1 << (bit % 8)
	}
	return mask
}

// DecodeClassifier returns the entries and slots of an inner map, given its values in the order of their
// index: by falling priority.
func (l *TableLayout) DecodeClassifier(rules [][]byte) ([]*pipeline.Entry, []uint32, error) {
	var entries []*pipeline.Entry
	var slots []uint32
	for n, rule := range rules {
		if len(rule) < l.ValueSize {
			return nil, nil, fmt.Errorf("bpfgen: decode classifier of %s: rule %d has %d bytes, want %d",
				l.Table.Name, n, len(rule), l.ValueSize)
		}
		e, slot, err := l.decodeValue(rule)
		if err != nil {
			return nil, nil, fmt.Errorf("bpfgen: decode classifier of %s: rule %d: %w", l.Table.Name, n, err)
		}
		in := rule[l.ValueSize-l.key.size:]
		for i, k := range l.Table.Keys {
			e.Match = append(e.Match, l.key.getMatch(i, k, in))
		}
		entries, slots = append(entries, e), append(slots, slot)
	}
	return entries, slots, nil
}

// getMatch decodes one component of a rule's match.
func (l *keyLayout) getMatch(i int, k *pipeline.Key, in []byte) pipeline.Match {
	size := (k.Width + 7) / 8
	if at := l.ranges[i]; at >= 0 {
		m := pipeline.Match{Value: make([]byte, size), High: make([]byte, size)}
		for j := range limbs(k.Width) {
			setBits(m.Value, 64*j, le.Uint64(in[at+8*j:]))
			setBits(m.High, 64*j, le.Uint64(in[at+8*(limbs(k.Width)+j):]))
		}
		return m
	}
	m := pipeline.Match{Value: make([]byte, size)}
	mask := make([]byte, size)
	for _, p := range l.pieces[i] {
		setBits(mask, p.lo, p.decode(le.Uint64(in[2*p.off:])))
		setBits(m.Value, p.lo, p.decode(le.Uint64(in[2*p.off+8:])))
	}
	switch k.Kind {
	case pipeline.MatchTernary, pipeline.MatchOptional:
		m.Mask = bytes.Clone(mask)
	case pipeline.MatchLPM:
		m.Prefix, _ = onesFrom(mask, k.Width)
	}
	return m
}
