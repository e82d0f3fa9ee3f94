package bpfgen

import (
	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// layMaps decides which maps there are and adds their specifications.
func (o *Object) layMaps() error {
	p := o.Program
	names := &mapNames{}
	if err := o.layProfiles(names); err != nil {
		return err
	}
	for _, t := range p.Tables {
		l, err := newTableLayout(t, names, o.Profiles)
		if err != nil {
			return err
		}
		if l != nil && o.Options.Arena {
			o.layArena(l)
		}
		o.Tables = append(o.Tables, l)
		if l != nil {
			if err := o.addTableMaps(l); err != nil {
				return err
			}
		}
	}
	o.layLines()
	o.Counters = make(map[*pipeline.Counter]*ArrayLayout)
	for _, c := range p.Counters {
		if c.Table == nil {
			l := &ArrayLayout{Map: names.of("n", c.Index, c.Name), Len: c.Size, ValueSize: 16, PerCPU: true}
			o.Counters[c] = l
			o.addMap(l.Map, ebpf.PerCPUArray, 4, l.ValueSize, max(1, l.Len), 0)
		}
	}
	o.Registers = make(map[*pipeline.Register]*ArrayLayout)
	for _, r := range p.Registers {
		l := &ArrayLayout{Map: names.of("r", r.Index, r.Name), Len: r.Size, ValueSize: paramSize(r.Width)}
		o.Registers[r] = l
		o.addMap(l.Map, ebpf.Array, 4, l.ValueSize, max(1, l.Len), 0)
	}
	o.layMeters(names)
	o.layValueSets(names)
	o.addPortMaps()
	return nil
}

// addMap adds the specification of a map.
func (o *Object) addMap(name string, kind ebpf.MapType, key, value, entries int, flags uint32) *ebpf.MapSpec {
	m := &ebpf.MapSpec{Name: name, Type: kind, KeySize: uint32(key), ValueSize: uint32(value),
		MaxEntries: uint32(entries), Flags: flags}
	o.Spec.Maps[name] = m
	return m
}

// flagNoPrealloc is BPF_F_NO_PREALLOC of linux/bpf.h. Elements without preallocation are freed only when no
// program reads them any more.
const flagNoPrealloc = 1

// addTableMaps adds the maps of a table, with the entries of the program.
func (o *Object) addTableMaps(l *TableLayout) error {
	size := l.slots()
	if l.DefaultMap != "" {
		o.addMap(l.DefaultMap, ebpf.Array, 4, l.defaultSize(), 1, 0)
	}
	if l.CounterMap != "" {
		o.addMap(l.CounterMap, ebpf.PerCPUArray, 4, 16, size+1, 0)
	}
	if l.HitMap != "" {
		o.addMap(l.HitMap, ebpf.Array, 4, 8, size+1, 0)
	}
	if l.Map == "" || l.Arena != nil {
		return nil
	}
	switch l.Kind {
	case LookupHash:
		return o.preload(l, o.addMap(l.Map, ebpf.Hash, l.KeySize, l.ValueSize, size, flagNoPrealloc))
	case LookupLPM:
		return o.preload(l, o.addMap(l.Map, ebpf.LPMTrie, l.KeySize, l.ValueSize, size, flagNoPrealloc))
	}
	m := o.addMap(l.Map, ebpf.ArrayOfMaps, 4, 4, 1, 0)
	m.InnerMap = l.innerSpec()
	return o.preloadRules(l, m)
}

// preload puts the entries of the program into a map, with slots from 1 on.
func (o *Object) preload(l *TableLayout, m *ebpf.MapSpec) error {
	for i, e := range l.Table.Entries {
		key, err := l.AppendKey(nil, e)
		if err != nil {
			return err
		}
		value, err := l.AppendValue(nil, e, uint32(i+1))
		if err != nil {
			return err
		}
		m.Contents = append(m.Contents, ebpf.MapKV{Key: key, Value: value})
	}
	return nil
}

// preloadRules builds the classifier of the program's entries.
func (o *Object) preloadRules(l *TableLayout, m *ebpf.MapSpec) error {
	slots := make([]uint32, len(l.Table.Entries))
	for i := range slots {
		slots[i] = uint32(i + 1)
	}
	inner, err := l.BuildClassifier(l.Table.Entries, slots)
	if err != nil || inner == nil {
		return err
	}
	name := l.Map + "_const"
	o.Spec.Maps[name] = inner
	m.Contents = []ebpf.MapKV{{Key: uint32(0), Value: name}}
	return nil
}

// addPortMaps adds the maps that every program shares.
func (o *Object) addPortMaps() {
	o.PortsMap, o.PortOfMap = "ports", "port_of"
	o.addMap(o.PortsMap, ebpf.DevMapHash, 4, 4, o.Options.MaxPorts, 0)
	o.addMap(o.PortOfMap, ebpf.Array, 4, 4*o.Options.MaxIfindex, 1, 0)
	lay := func(name string) *ReplicaLayout {
		l := &ReplicaLayout{Map: name, ValueSize: replicaHeader + 8*o.Options.MaxReplicas, Max: o.Options.MaxReplicas}
		o.addMap(name, ebpf.Hash, 4, l.ValueSize, maxGroups, flagNoPrealloc)
		return l
	}
	if o.replicates() || o.clones() { // clone sessions may send to groups
		o.Multicast = lay("multicast")
	}
	if o.clones() {
		o.Clone = lay("clones")
	}
	if o.copies() {
		o.IfindexOfMap = "ifindex_of"
		o.addMap(o.IfindexOfMap, ebpf.Hash, 4, 4, o.Options.MaxPorts, flagNoPrealloc)
	}
	if o.Options.Stats {
		o.StatsMap = "stats"
		o.addMap(o.StatsMap, ebpf.PerCPUArray, 4, 16, int(NumFates), 0)
	}
	if o.Options.Verdict {
		o.VerdictMap = "verdict"
		o.addMap(o.VerdictMap, ebpf.Array, 4, 8, 1, 0)
	}
	if len(o.Program.Digests) > 0 {
		o.Digests = "digests"
		o.addMap(o.Digests, ebpf.RingBuf, 0, 0, digestBytes, 0)
	}
}

// digestBytes is the size of the ring buffer of digests.
const digestBytes = 1 << 18

// maxGroups is how many multicast groups there may be.
const maxGroups = 4096

// replicates reports whether the program ever sets a multicast group.
func (o *Object) replicates() bool {
	group := o.Program.FieldByName("intrinsic_metadata.mcast_grp")
	for _, a := range o.Program.Actions {
		for i := range a.Body {
			q := &a.Body[i]
			dst := destination(q)
			if dst < 0 {
				continue
			}
			ref, ok := q.Args[dst].(*pipeline.FieldRef)
			if !ok || group == nil || ref.Header != group.Header || ref.Field != group.Field {
				continue
			}
			if c, ok := q.Args[len(q.Args)-1].(*pipeline.Const); !ok || c.Value.Sign() != 0 {
				return true
			}
		}
	}
	return false
}

// hiddenZero names an ARRAY map with one value that nobody writes to, and adds it when it is first needed.
func (o *Object) hiddenZero() string {
	const name = "zero"
	if o.Spec.Maps[name] == nil {
		o.addMap(name, ebpf.Array, 4, 8, 1, 0)
	}
	return name
}

// zeros names an ARRAY map with one value of at least so many zero bytes.
func (o *Object) zeros(size int) string {
	const name = "zeros"
	if m := o.Spec.Maps[name]; m == nil || int(m.ValueSize) < size {
		o.addMap(name, ebpf.Array, 4, (size+7)&^7, 1, flagReadOnly)
	}
	return name
}
