package bpfgen

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ProfileLayout says where the members and groups of an action profile are and how they are written. Both maps are
// hash maps without preallocation: the kernel exchanges an element as a whole, so a packet sees a member or group
// as it was or as it is, never something in between.
type ProfileLayout struct {
	Profile *pipeline.ActionProfile
	// MemberMap is a HASH from member (u32) to a value that AppendMember writes.
	MemberMap  string
	MemberSize int // bytes of a value
	// GroupMap is a HASH from group (u32) to a value that AppendGroup writes; "" without a selector.
	GroupMap   string
	MaxMembers int // of a group

	call callLayout // the actions of the first table: the others have the same, under the same names
}

// Layout of a group's value: the number of members, then their ids.
const (
	groupCount   = 0 // u32
	groupMembers = 8 // u32 each
)

// Bounds of profiles that do not state their own.
const (
	maxProfileMembers = 1 << 14
	maxProfileGroups  = 1 << 12
	maxGroupMembers   = 1 << 8
)

// newProfileLayout decides how a profile is kept; nil for one that no table uses.
func newProfileLayout(p *pipeline.ActionProfile, names *mapNames) (*ProfileLayout, error) {
	if len(p.Tables) == 0 {
		return nil, nil
	}
	l := &ProfileLayout{Profile: p, MemberMap: names.of("m", p.Index, p.Name)}
	l.call = newCallLayout(p.Tables[0].Actions, memberBase)
	l.MemberSize = (memberBase + l.call.params + 7) &^ 7
	for _, t := range p.Tables {
		if _, err := l.callsOf(t); err != nil {
			return nil, err
		}
	}
	if p.Selector != nil {
		l.GroupMap = names.of("g", p.Index, p.Name)
		l.MaxMembers = p.MaxGroupSize
		if l.MaxMembers <= 0 {
			l.MaxMembers = max(p.Size, maxGroupMembers)
		}
		l.MaxMembers = roundUp(min(l.MaxMembers, maxProfileMembers))
	}
	return l, nil
}

// memberBase is where the parameters of a member start.
const memberBase = 8

// roundUp returns the next power of two.
func roundUp(n int) int { return 1 << bits.Len(uint(n-1)) }

// groupSize returns the bytes of a group's value.
func (l *ProfileLayout) groupSize() int { return (groupMembers + 4*l.MaxMembers + 7) &^ 7 }

// callsOf returns how a table runs members: by its own actions, which have the names of the profile's.
func (l *ProfileLayout) callsOf(t *pipeline.Table) ([]tableCall, error) {
	var out []tableCall
	for i, a := range t.Actions {
		j := slices.IndexFunc(l.call.list, func(b *pipeline.Action) bool { return sameAction(a, b) })
		if j < 0 || len(t.Actions) != len(l.call.list) {
			return nil, &UnsupportedError{What: "table " + t.Name + " with other actions than " +
				l.Profile.Tables[0].Name + ", which shares its action profile,", Source: t.Source}
		}
		out = append(out, tableCall{action: a, index: i, id: j + 1, params: l.call.actions[j].params})
	}
	return out, nil
}

// sameAction reports whether two actions have the same name and parameters.
func sameAction(a, b *pipeline.Action) bool {
	return a.Name == b.Name && slices.EqualFunc(a.Params, b.Params,
		func(p, q *pipeline.ActionParam) bool { return p.Width == q.Width })
}

// AppendMember appends the value of a member with an action of the profile's first table to dst.
func (l *ProfileLayout) AppendMember(dst []byte, call *pipeline.ActionCall) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, l.MemberSize)...)
	if err := l.call.put(dst[start:], call); err != nil {
		return nil, fmt.Errorf("bpfgen: encode member of %s: %w", l.Profile.Name, err)
	}
	return dst, nil
}

// DecodeMember returns what AppendMember made of.
func (l *ProfileLayout) DecodeMember(value []byte) (*pipeline.ActionCall, error) {
	if len(value) < l.MemberSize {
		return nil, fmt.Errorf("bpfgen: decode member of %s: %d bytes, want %d", l.Profile.Name, len(value), l.MemberSize)
	}
	call, err := l.call.get(value)
	if err == nil && call == nil {
		err = pipeline.ErrBadAction
	}
	if err != nil {
		return nil, fmt.Errorf("bpfgen: decode member of %s: %w", l.Profile.Name, err)
	}
	return call, nil
}

// AppendGroup appends the value of a group to dst. Packets number the members in the order in which they are given.
func (l *ProfileLayout) AppendGroup(dst []byte, members []uint32) ([]byte, error) {
	if len(members) > l.MaxMembers {
		return nil, fmt.Errorf("bpfgen: encode group of %s: %d members, at most %d: %w",
			l.Profile.Name, len(members), l.MaxMembers, pipeline.ErrBadRange)
	}
	start := len(dst)
	dst = append(dst, make([]byte, l.groupSize())...)
	out := dst[start:]
	le.PutUint32(out[groupCount:], uint32(len(members)))
	for i, id := range members {
		le.PutUint32(out[groupMembers+4*i:], id)
	}
	return dst, nil
}

// DecodeGroup returns what AppendGroup made of.
func (l *ProfileLayout) DecodeGroup(value []byte) ([]uint32, error) {
	if len(value) < l.groupSize() {
		return nil, fmt.Errorf("bpfgen: decode group of %s: %d bytes, want %d", l.Profile.Name, len(value), l.groupSize())
	}
	n := int(le.Uint32(value[groupCount:]))
	if n > l.MaxMembers {
		return nil, fmt.Errorf("bpfgen: decode group of %s: %d members, at most %d", l.Profile.Name, n, l.MaxMembers)
	}
	members := make([]uint32, n)
	for i := range members {
		members[i] = le.Uint32(value[groupMembers+4*i:])
	}
	return members, nil
}

// layProfiles adds the maps of action profiles.
func (o *Object) layProfiles(names *mapNames) error {
	for _, p := range o.Program.Profiles {
		l, err := newProfileLayout(p, names)
		if err != nil {
			return err
		}
		o.Profiles = append(o.Profiles, l)
		if l == nil {
			continue
		}
		size := p.Size
		if size <= 0 {
			size = maxProfileMembers
		}
		o.addMap(l.MemberMap, ebpf.Hash, 4, l.MemberSize, size, flagNoPrealloc)
		if l.GroupMap != "" {
			o.addMap(l.GroupMap, ebpf.Hash, 4, l.groupSize(), max(size, maxProfileGroups), flagNoPrealloc)
		}
	}
	return nil
}
