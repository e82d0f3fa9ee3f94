package bpfgen

import (
	"bytes"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ValueSetLayout says where the members of a parser value set are: a classifier without priorities, see BuildValueSet.
type ValueSetLayout struct {
	Set *pipeline.ValueSet
	Map string // ARRAY_OF_MAPS with one slot

	keys []*pipeline.Key // two for each component: what is compared under a mask, and the bounds
	key  keyLayout
}

func newValueSetLayout(s *pipeline.ValueSet, names *mapNames) *ValueSetLayout {
	l := &ValueSetLayout{Set: s, Map: names.of("v", s.Index, s.Name)}
	for _, width := range s.Key {
		for _, kind := range []pipeline.MatchKind{pipeline.MatchTernary, pipeline.MatchRange} {
			l.keys = append(l.keys, &pipeline.Key{Index: len(l.keys), Name: s.Name, Kind: kind, Width: width})
		}
	}
	l.key = packClassifier(&pipeline.Table{Keys: l.keys})
	return l
}

// layValueSets adds the maps of value sets.
func (o *Object) layValueSets(names *mapNames) {
	for _, s := range o.Program.ValueSets {
		l := newValueSetLayout(s, names)
		o.ValueSets = append(o.ValueSets, l)
		o.addMap(l.Map, ebpf.ArrayOfMaps, 4, 4, 1, 0).InnerMap = l.innerSpec()
	}
}

func (l *ValueSetLayout) innerSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: l.Map, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(l.key.size), MaxEntries: 1,
		Flags: flagInnerMap}
}

// BuildValueSet returns the inner map for a set's members, with its contents; nil for no members: the slot of the outer
// map is then to be deleted. A member has one Match for each component: with High a range, with Mask masked, else
// exact.
func (l *ValueSetLayout) BuildValueSet(members [][]pipeline.Match) (*ebpf.MapSpec, error) {
	if len(members) == 0 {
		return nil, nil
	}
	spec := l.innerSpec()
	spec.MaxEntries = uint32(len(members))
	for i, member := range members {
		match, err := l.expand(member)
		if err != nil {
			return nil, fmt.Errorf("bpfgen: build value set %s: member %d: %w", l.Set.Name, i, err)
		}
		rule := make([]byte, l.key.size)
		l.key.putMatch(rule, l.keys, match)
		spec.Contents = append(spec.Contents, ebpf.MapKV{Key: uint32(i), Value: rule})
	}
	return spec, nil
}

// expand makes a masked value and a range of every component.
func (l *ValueSetLayout) expand(member []pipeline.Match) ([]pipeline.Match, error) {
	if len(member) != len(l.Set.Key) {
		return nil, fmt.Errorf("%d components, want %d: %w", len(member), len(l.Set.Key), pipeline.ErrBadMatch)
	}
	var out []pipeline.Match
	for i := range member {
		m, width := &member[i], l.Set.Key[i]
		n := (width + 7) / 8
		for _, part := range [][]byte{m.Value, m.Mask, m.High} {
			if part != nil && len(part) != n || m.Value == nil {
				return nil, fmt.Errorf("component %d: %d bytes for %d bits: %w", i, len(part), width, pipeline.ErrBadMatch)
			}
		}
		ones, none := prefixMask(width, width), make([]byte, n)
		switch {
		case m.High != nil:
			out = append(out, pipeline.Match{Value: none, Mask: none}, *m)
		case m.Mask != nil:
			out = append(out, *m, pipeline.Match{Value: none, High: ones})
		default:
			out = append(out, pipeline.Match{Value: m.Value, Mask: ones}, pipeline.Match{Value: none, High: ones})
		}
	}
	return out, nil
}

// DecodeValueSet returns the members in an inner map, given its values in the order of their index.
func (l *ValueSetLayout) DecodeValueSet(rules [][]byte) ([][]pipeline.Match, error) {
	var members [][]pipeline.Match
	for i, rule := range rules {
		if len(rule) < l.key.size {
			return nil, fmt.Errorf("bpfgen: decode value set %s: member %d has %d bytes, want %d", l.Set.Name, i, len(rule), l.key.size)
		}
		var member []pipeline.Match
		for c, width := range l.Set.Key {
			m := l.key.getMatch(2*c, l.keys[2*c], rule)
			bounds := l.key.getMatch(2*c+1, l.keys[2*c+1], rule)
			ones := prefixMask(width, width)
			switch {
			case bytes.Equal(m.Mask, ones):
				m.Mask = nil
			case !bytes.Equal(bounds.High, ones) || bytes.Count(bounds.Value, []byte{0}) != len(bounds.Value):
				m = bounds
			}
			member = append(member, m)
		}
		members = append(members, member)
	}
	return members, nil
}
