package swfallback

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// maxSession is the largest clone session: v1model keeps 15 bits of the number.
const maxSession = 1<<15 - 1

// SetMulticastGroup adds or replaces a group; without replicas it removes the group. ErrBadRange: group 0, which
// does not exist; errors.ErrUnsupported: the program sends to no group.
func (f *Fallback) SetMulticastGroup(g pipeline.MulticastGroup) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: set multicast group: %w", err)
	}
	defer leave()
	if err := f.gen.setMulticastGroup(g); err != nil {
		return fmt.Errorf("swfallback: set multicast group %d: %w", g.ID, err)
	}
	return nil
}

func (g *generation) setMulticastGroup(group pipeline.MulticastGroup) error {
	if group.ID == 0 {
		return pipeline.ErrBadRange
	}
	if g.object.Multicast == nil {
		return fmt.Errorf("the program sends to no group: %w", errors.ErrUnsupported)
	}
	if err := g.putReplicas(g.object.Multicast, group.ID, pipeline.CloneSession{Replicas: group.Replicas}); err != nil {
		return err
	}
	return g.updateSessions(group)
}

// updateSessions writes the replicas of a group into the clone sessions that send to it.
func (g *generation) updateSessions(group pipeline.MulticastGroup) error {
	sessions, err := g.cloneSessions()
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.Multicast != group.ID {
			continue
		}
		s.Replicas = group.Replicas
		if err := g.putReplicas(g.object.Clone, s.ID, s); err != nil {
			return fmt.Errorf("update clone session %d: %w", s.ID, err)
		}
	}
	return nil
}

// SetCloneSession adds or replaces a session; without replicas and group it removes the session. A session that
// sends to a multicast group follows the group when that changes. ErrBadRange: the number is above 32767;
// errors.ErrUnsupported: the program does not clone.
func (f *Fallback) SetCloneSession(s pipeline.CloneSession) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: set clone session: %w", err)
	}
	defer leave()
	if err := f.gen.setCloneSession(s); err != nil {
		return fmt.Errorf("swfallback: set clone session %d: %w", s.ID, err)
	}
	return nil
}

func (g *generation) setCloneSession(s pipeline.CloneSession) error {
	if s.ID > maxSession || s.Truncate < 0 {
		return pipeline.ErrBadRange
	}
	if g.object.Clone == nil {
		return fmt.Errorf("the program does not clone: %w", errors.ErrUnsupported)
	}
	if s.Multicast != 0 {
		groups, err := g.multicastGroups()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(groups, func(m pipeline.MulticastGroup) bool { return m.ID == s.Multicast })
		if at >= 0 {
			s.Replicas = groups[at].Replicas
		}
	}
	return g.putReplicas(g.object.Clone, s.ID, s)
}

// putReplicas writes a group or session, or removes one that goes nowhere.
func (g *generation) putReplicas(layout *bpfgen.ReplicaLayout, id uint32, s pipeline.CloneSession) error {
	m, err := g.dp.Map(layout.Map)
	if err != nil {
		return err
	}
	if len(s.Replicas) == 0 && s.Multicast == 0 {
		if err := m.Delete(id); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove: %w", err)
		}
		return nil
	}
	value, err := layout.AppendReplicas(nil, s)
	if err != nil {
		return err
	}
	if err := m.Update(id, value, ebpf.UpdateAny); err != nil {
		if bpfrun.IsFull(err) {
			err = fmt.Errorf("%d of them: %w: %w", m.MaxEntries(), pipeline.ErrTableFull, err)
		}
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// MulticastGroups returns the groups in the order of their numbers.
func (f *Fallback) MulticastGroups() ([]pipeline.MulticastGroup, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: list multicast groups: %w", err)
	}
	defer leave()
	groups, err := f.gen.multicastGroups()
	if err != nil {
		return nil, fmt.Errorf("swfallback: list multicast groups: %w", err)
	}
	return groups, nil
}

// CloneSessions returns the sessions in the order of their numbers; Replicas is nil where Multicast says where
// clones go.
func (f *Fallback) CloneSessions() ([]pipeline.CloneSession, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: list clone sessions: %w", err)
	}
	defer leave()
	sessions, err := f.gen.cloneSessions()
	if err != nil {
		return nil, fmt.Errorf("swfallback: list clone sessions: %w", err)
	}
	for i := range sessions {
		if sessions[i].Multicast != 0 {
			sessions[i].Replicas = nil
		}
	}
	return sessions, nil
}

func (g *generation) multicastGroups() ([]pipeline.MulticastGroup, error) {
	list, err := g.readReplicas(g.object.Multicast)
	if err != nil {
		return nil, err
	}
	var groups []pipeline.MulticastGroup
	for _, s := range list {
		groups = append(groups, pipeline.MulticastGroup{ID: s.ID, Replicas: s.Replicas})
	}
	return groups, nil
}

func (g *generation) cloneSessions() ([]pipeline.CloneSession, error) {
	return g.readReplicas(g.object.Clone)
}

// readReplicas reads all groups or sessions, in the order of their numbers; none where the program has none.
func (g *generation) readReplicas(layout *bpfgen.ReplicaLayout) ([]pipeline.CloneSession, error) {
	if layout == nil {
		return nil, nil
	}
	m, err := g.dp.Map(layout.Map)
	if err != nil {
		return nil, err
	}
	var list []pipeline.CloneSession
	var id uint32
	var value []byte
	iterator := m.Iterate()
	for iterator.Next(&id, &value) {
		s, err := layout.DecodeReplicas(value)
		if err != nil {
			return nil, err
		}
		s.ID = id
		list = append(list, s)
	}
	if err := iterator.Err(); err != nil {
		return nil, fmt.Errorf("read map %s: %w", layout.Map, err)
	}
	slices.SortFunc(list, func(a, b pipeline.CloneSession) int { return int(a.ID) - int(b.ID) })
	return list, nil
}
