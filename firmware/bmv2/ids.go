package bmv2

import (
	p4configv1 "github.com/p4lang/p4runtime/go/p4/config/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// deriveIDs gives a program without P4Info the ids that p4c would have given it: the prefix of the kind of
// object and 24 bits of a hash of the name, the next free one where two names collide. Tables that the
// compiler made for a direct call of an action, which have no key and a constant default action, are hidden
// and have none. Match fields, parameters and ids that the program chooses with @id start from 1, or are not
// known.
func deriveIDs(prog *pipeline.Program) {
	ids := idSpace{}
	for _, t := range prog.Tables {
		t.Hidden = len(t.Keys) == 0 && t.DefaultConst && t.Profile == nil
		if t.Hidden {
			continue
		}
		t.ID = ids.next(p4configv1.P4Ids_TABLE, t.Name)
		for i, k := range t.Keys {
			k.ID = uint32(i + 1)
		}
	}
	byName := map[string]uint32{}
	for _, a := range prog.Actions {
		if byName[a.Name] == 0 {
			byName[a.Name] = ids.next(p4configv1.P4Ids_ACTION, a.Name)
		}
		a.ID = byName[a.Name]
		for i, p := range a.Params {
			p.ID = uint32(i + 1)
		}
	}
	for _, vs := range prog.ValueSets {
		vs.ID = ids.next(p4configv1.P4Ids_VALUE_SET, vs.Name)
	}
	for _, p := range prog.Profiles {
		p.ID = ids.next(p4configv1.P4Ids_ACTION_PROFILE, p.Name)
	}
	deriveExternIDs(prog, ids)
}

// deriveExternIDs is deriveIDs for counters, meters, registers and digests.
func deriveExternIDs(prog *pipeline.Program, ids idSpace) {
	for _, c := range prog.Counters {
		prefix := p4configv1.P4Ids_COUNTER
		if c.Table != nil {
			prefix = p4configv1.P4Ids_DIRECT_COUNTER
		}
		c.ID = ids.next(prefix, c.Name)
	}
	for _, m := range prog.Meters {
		prefix := p4configv1.P4Ids_METER
		if m.Table != nil {
			prefix = p4configv1.P4Ids_DIRECT_METER
		}
		m.ID = ids.next(prefix, m.Name)
	}
	for _, r := range prog.Registers {
		r.ID = ids.next(p4configv1.P4Ids_REGISTER, r.Name)
	}
	for _, d := range prog.Digests {
		d.ID = ids.next(p4configv1.P4Ids_DIGEST, d.Name)
	}
}

// idSpace are the ids that are taken.
type idSpace map[uint32]bool

func (s idSpace) next(prefix p4configv1.P4Ids_Prefix, name string) uint32 {
	const mask = 1<<24 - 1
	hash := oneAtATime(name)
	for {
		id := uint32(prefix)<<24 | hash&mask
		if hash&mask != 0 && !s[id] {
			s[id] = true
			return id
		}
		hash++
	}
}

// oneAtATime is Bob Jenkins's hash of that name, from which p4c makes ids.
func oneAtATime(name string) uint32 {
	var h uint32
	for i := range len(name) {
		h += uint32(name[i])
		h += h << 10
		h ^= h >> 6
	}
	h += h << 3
	h ^= h >> 11
	h += h << 15
	return h
}
