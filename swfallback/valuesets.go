package swfallback

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// SetValueSet replaces the members of a parser value set, all at once. A member has one Match per component of the set's
// key: with High a range, with Mask masked, else exact. ErrTableFull: more members than its size; ErrNoObject: not a
// value set of this program.
func (f *Fallback) SetValueSet(s *pipeline.ValueSet, members [][]pipeline.Match) error {
	return f.withValueSet("set value set", s, func(l *bpfgen.ValueSetLayout, m *ebpf.Map) error {
		return putValueSet(l, m, members)
	})
}

// ValueSet returns the members of a parser value set.
func (f *Fallback) ValueSet(s *pipeline.ValueSet) (members [][]pipeline.Match, err error) {
	err = f.withValueSet("read value set", s, func(l *bpfgen.ValueSetLayout, m *ebpf.Map) (err error) {
		members, err = readValueSet(l, m)
		return err
	})
	return members, err
}

// withValueSet runs do on a value set, under the locks.
func (f *Fallback) withValueSet(verb string, s *pipeline.ValueSet, do func(*bpfgen.ValueSetLayout, *ebpf.Map) error) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	defer leave()
	l, m, err := f.gen.valueSet(s)
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	if err := do(l, m); err != nil {
		return fmt.Errorf("swfallback: %s %s: %w", verb, s.Name, err)
	}
	return nil
}

func (g *generation) valueSet(s *pipeline.ValueSet) (*bpfgen.ValueSetLayout, *ebpf.Map, error) {
	list := g.object.Program.ValueSets
	if s == nil || s.Index < 0 || s.Index >= len(list) || list[s.Index] != s {
		return nil, nil, fmt.Errorf("value set: %w", pipeline.ErrNoObject)
	}
	l := g.object.ValueSets[s.Index]
	m, err := g.dp.Map(l.Map)
	return l, m, err
}

// putValueSet builds an inner map and exchanges it.
func putValueSet(l *bpfgen.ValueSetLayout, m *ebpf.Map, members [][]pipeline.Match) error {
	if l.Set.Size > 0 && len(members) > l.Set.Size {
		return fmt.Errorf("%d members, at most %d: %w", len(members), l.Set.Size, pipeline.ErrTableFull)
	}
	spec, err := l.BuildValueSet(members)
	if err != nil {
		return err
	}
	return exchange(m, spec)
}

// exchange puts a map in the place of the only one in a map of maps; nil: none. Packets see the one or the other.
func exchange(m *ebpf.Map, spec *ebpf.MapSpec) error {
	if spec == nil {
		err := m.Delete(uint32(0))
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove inner map: %w", err)
		}
		return nil
	}
	inner, err := ebpf.NewMap(spec)
	if err != nil {
		return fmt.Errorf("make inner map: %w", err)
	}
	defer inner.Close()
	if err := m.Put(uint32(0), inner); err != nil {
		return fmt.Errorf("exchange inner map: %w", err)
	}
	return nil
}

// innerValues returns the values of the only map in a map of maps, in the order of their index.
func innerValues(m *ebpf.Map) ([][]byte, error) {
	var inner *ebpf.Map
	err := m.Lookup(uint32(0), &inner)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open inner map: %w", err)
	}
	defer inner.Close()
	values := make([][]byte, inner.MaxEntries())
	for i := range values {
		if values[i], err = inner.LookupBytes(uint32(i)); err != nil {
			return nil, fmt.Errorf("read inner map: %w", err)
		}
	}
	return values, nil
}

func readValueSet(l *bpfgen.ValueSetLayout, m *ebpf.Map) ([][]pipeline.Match, error) {
	values, err := innerValues(m)
	if err != nil {
		return nil, err
	}
	return l.DecodeValueSet(values)
}
