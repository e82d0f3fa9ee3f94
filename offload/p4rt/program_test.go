package p4rt_test

import (
	"fmt"
	"sync"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// testProgram is a program made by hand: one table of each sort.
type testProgram struct {
	*pipeline.Program
	exact, lpm, acl, indirect, keyless, constant *pipeline.Table
	forward, drop                                *pipeline.Action
	counter                                      *pipeline.Counter
}

func newTestProgram() *testProgram {
	forward := &pipeline.Action{Name: "forward", ID: 0x01000001, Params: []*pipeline.ActionParam{
		{Name: "port", Width: 9, ID: 1}, {Index: 1, Name: "mac", Width: 48, ID: 2}}}
	drop := &pipeline.Action{Index: 1, Name: "drop", ID: 0x01000002}
	p := &testProgram{Program: &pipeline.Program{Name: "test.p4", Arch: "v1model"}, forward: forward, drop: drop}
	p.Actions = []*pipeline.Action{forward, drop}
	key := func(i int, name string, kind pipeline.MatchKind, width int) *pipeline.Key {
		return &pipeline.Key{Index: i, Name: name, Kind: kind, Width: width, ID: uint32(i + 1)}
	}
	p.exact = p.table("exact", pipeline.MatchExact, key(0, "port", pipeline.MatchExact, 9))
	p.lpm = p.table("lpm", pipeline.MatchLPM, key(0, "vrf", pipeline.MatchExact, 12), key(1, "dst", pipeline.MatchLPM, 32))
	p.acl = p.table("acl", pipeline.MatchRange, key(0, "src", pipeline.MatchTernary, 32),
		key(1, "proto", pipeline.MatchOptional, 8), key(2, "port", pipeline.MatchRange, 16))
	p.indirect = p.table("indirect", pipeline.MatchExact, key(0, "vip", pipeline.MatchExact, 32))
	p.indirect.Profile = &pipeline.ActionProfile{Name: "backends", ID: 0x11000001, Selector: &pipeline.Selector{}}
	p.indirect.Default = nil
	p.keyless = p.table("keyless", pipeline.MatchExact)
	p.constant = p.table("constant", pipeline.MatchExact, key(0, "type", pipeline.MatchExact, 16))
	p.constant.DefaultConst = true
	p.constant.Immutable = true
	p.lpm.Counter = &pipeline.Counter{Name: "routes", Table: p.lpm, ID: 0x13000001}
	p.counter = &pipeline.Counter{Index: 1, Name: "ports", Size: 4, ID: 0x12000001}
	p.Counters = []*pipeline.Counter{p.lpm.Counter, p.counter}
	hidden := &pipeline.Table{Index: len(p.Tables), Name: "tbl_act", Hidden: true}
	p.Tables = append(p.Tables, hidden)
	return p
}

func (p *testProgram) table(name string, kind pipeline.MatchKind, keys ...*pipeline.Key) *pipeline.Table {
	t := &pipeline.Table{Index: len(p.Tables), Name: name, Match: kind, Keys: keys, Size: 1024,
		ID: 0x02000001 + uint32(len(p.Tables)), Actions: []*pipeline.Action{p.forward, p.drop},
		Default: &pipeline.ActionCall{Action: p.drop}}
	p.Tables = append(p.Tables, t)
	return t
}

// memory is a Target over maps: what the tests compare a server's answers with.
type memory struct {
	mu       sync.Mutex
	limit    int
	entries  map[*pipeline.Table]map[string]*pipeline.Entry
	order    map[*pipeline.Table][]string
	defaults map[*pipeline.Table]*pipeline.ActionCall
	inserts  []int         // sizes of the calls of Insert
	gate     chan struct{} // where set, Insert waits for it
	waiting  chan struct{}
}

func newMemory() *memory {
	return &memory{limit: 1000, entries: map[*pipeline.Table]map[string]*pipeline.Entry{},
		order: map[*pipeline.Table][]string{}, defaults: map[*pipeline.Table]*pipeline.ActionCall{}}
}

func memoryKey(e *pipeline.Entry) string { return fmt.Sprint(e.Priority, e.Match) }

func (m *memory) Insert(list ...*pipeline.Entry) error {
	if m.gate != nil {
		m.waiting <- struct{}{}
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inserts = append(m.inserts, len(list))
	seen := map[string]bool{}
	for i, e := range list {
		k := memoryKey(e)
		if m.entries[e.Table][k] != nil || seen[e.Table.Name+k] {
			return fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrExists)
		}
		if len(m.entries[e.Table])+i >= m.limit {
			return fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrTableFull)
		}
		seen[e.Table.Name+k] = true
	}
	for _, e := range list {
		if m.entries[e.Table] == nil {
			m.entries[e.Table] = map[string]*pipeline.Entry{}
		}
		m.entries[e.Table][memoryKey(e)] = e
		m.order[e.Table] = append(m.order[e.Table], memoryKey(e))
	}
	return nil
}

func (m *memory) Modify(list ...*pipeline.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range list {
		if m.entries[e.Table][memoryKey(e)] == nil {
			return fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrNotFound)
		}
		m.entries[e.Table][memoryKey(e)] = e
	}
	return nil
}

func (m *memory) Delete(list ...*pipeline.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range list {
		if m.entries[e.Table][memoryKey(e)] == nil {
			return fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrNotFound)
		}
		delete(m.entries[e.Table], memoryKey(e))
	}
	return nil
}

func (m *memory) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.defaults[t] = call
	return nil
}

func (m *memory) Default(t *pipeline.Table) (*pipeline.ActionCall, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.defaults[t], nil
}

func (m *memory) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []pipeline.EntryState
	for i, k := range m.order[t] {
		if e := m.entries[t][k]; e != nil {
			list = append(list, pipeline.EntryState{Entry: e, Count: pipeline.Count{Packets: uint64(i + 1), Bytes: 100}})
		}
	}
	return list, nil
}

func (m *memory) ReadCounter(c *pipeline.Counter, i int) (pipeline.Count, error) {
	return pipeline.Count{Packets: uint64(i), Bytes: uint64(i) * 64}, nil
}
