package swfallback

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// fingerprint is a digest of how entries lie in the maps of a compiled program: the maps' shapes, and the bytes
// that entries with known contents become. Two versions of the compiler that agree on it can read each other's
// maps.
func fingerprint(o *bpfgen.Object) (string, error) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(o.Spec.Maps)) {
		m := o.Spec.Maps[name]
		fmt.Fprintln(h, name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags)
	}
	for _, layout := range o.Tables {
		if layout == nil {
			continue
		}
		if err := hashTable(h, layout); err != nil {
			return "", fmt.Errorf("take fingerprint of %s: %w", layout.Table.Name, err)
		}
	}
	for _, layout := range o.Profiles {
		if layout == nil {
			continue
		}
		if err := hashProfile(h, layout); err != nil {
			return "", fmt.Errorf("take fingerprint of %s: %w", layout.Profile.Name, err)
		}
	}
	h.Write(bpfgen.AppendMeter(nil, &pipeline.MeterRates{Committed: 1, CommittedBurst: 2, Peak: 3, PeakBurst: 4}, 5))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashProfile hashes one member for each action of a profile, and a group.
func hashProfile(h hash.Hash, layout *bpfgen.ProfileLayout) error {
	t := layout.Profile.Tables[0]
	for _, action := range t.Actions {
		value, err := layout.AppendMember(nil, patterned(t, action).Call)
		if err != nil {
			return err
		}
		h.Write(value)
	}
	if layout.GroupMap == "" {
		return nil
	}
	value, err := layout.AppendGroup(nil, []uint32{0x01020304})
	h.Write(value)
	return err
}

// hashTable hashes one entry for each action of a table, all with the same patterned match.
func hashTable(h hash.Hash, layout *bpfgen.TableLayout) error {
	fmt.Fprintln(h, layout.Table.Name, layout.Kind, layout.Map, layout.DefaultMap, layout.CounterMap, layout.HitMap)
	for _, action := range layout.Table.Actions {
		e := patterned(layout.Table, action)
		if layout.DefaultMap != "" {
			value, err := layout.AppendDefault(nil, e.Call)
			if err != nil {
				return err
			}
			h.Write(value)
		}
		if layout.Map == "" {
			continue
		}
		if err := hashEntry(h, layout, e); err != nil {
			return err
		}
	}
	return nil
}

func hashEntry(h hash.Hash, layout *bpfgen.TableLayout, e *pipeline.Entry) error {
	const slot = 0x1234
	if layout.Arena != nil {
		cell, err := layout.AppendCell(nil, e, slot)
		fmt.Fprintln(h, layout.Arena, lookup.Format)
		h.Write(cell)
		return err
	}
	if layout.Kind == bpfgen.LookupClassifier {
		inner, err := layout.BuildClassifier([]*pipeline.Entry{e}, []uint32{slot})
		if err != nil {
			return err
		}
		fmt.Fprintln(h, inner.Type, inner.Flags, inner.Contents)
		return nil
	}
	key, err := layout.AppendKey(nil, e)
	if err != nil {
		return err
	}
	value, err := layout.AppendValue(nil, e, slot)
	if err != nil {
		return err
	}
	h.Write(key)
	h.Write(value)
	return nil
}

// patterned makes an entry whose numbers are made of bytes that differ.
func patterned(t *pipeline.Table, action *pipeline.Action) *pipeline.Entry {
	next := byte(0)
	number := func(width int) []byte {
		b := make([]byte, (width+7)/8)
		for i := range b {
			next += 29
			b[i] = next
		}
		if rest := width % 8; rest != 0 {
			b[0] &= 1<<rest - 1
		}
		return b
	}
	e := &pipeline.Entry{Table: t, Call: &pipeline.ActionCall{Action: action}}
	for _, key := range t.Keys {
		m := pipeline.Match{Value: number(key.Width)}
		switch key.Kind {
		case pipeline.MatchLPM:
			m.Prefix = key.Width
		case pipeline.MatchTernary, pipeline.MatchOptional:
			m.Mask = m.Value
		case pipeline.MatchRange:
			m.High = m.Value
		}
		e.Match = append(e.Match, m)
	}
	if t.Profile != nil {
		member := uint32(0x01020304)
		e.Member = &member
	}
	if t.NeedsPriority() {
		e.Priority = 0x01020304
	}
	for _, p := range action.Params {
		e.Call.Args = append(e.Call.Args, number(p.Width))
	}
	return e
}
