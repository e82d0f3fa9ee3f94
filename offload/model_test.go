package offload_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// testProgram has one small table of each sort, so that all keys can be tried.
type testProgram struct {
	*pipeline.Program
	exact, lpm, acl, keyless *pipeline.Table
	act, drop                *pipeline.Action
}

func newTestProgram() *testProgram {
	act := &pipeline.Action{Name: "act", Params: []*pipeline.ActionParam{{Name: "n", Width: 8}}}
	drop := &pipeline.Action{Index: 1, Name: "drop"}
	p := &testProgram{Program: &pipeline.Program{Actions: []*pipeline.Action{act, drop}}, act: act, drop: drop}
	key := func(i int, kind pipeline.MatchKind, width int) *pipeline.Key {
		return &pipeline.Key{Index: i, Name: fmt.Sprint("k", i), Kind: kind, Width: width}
	}
	p.exact = p.table("exact", key(0, pipeline.MatchExact, 4))
	p.lpm = p.table("lpm", key(0, pipeline.MatchExact, 1), key(1, pipeline.MatchLPM, 5))
	p.acl = p.table("acl", key(0, pipeline.MatchTernary, 3), key(1, pipeline.MatchOptional, 1), key(2, pipeline.MatchRange, 3))
	p.keyless = p.table("keyless")
	return p
}

func (p *testProgram) table(name string, keys ...*pipeline.Key) *pipeline.Table {
	t := &pipeline.Table{Index: len(p.Tables), Name: name, Keys: keys, Actions: p.Actions,
		Default: &pipeline.ActionCall{Action: p.drop}}
	p.Tables = append(p.Tables, t)
	return t
}

func (p *testProgram) call(n byte) *pipeline.ActionCall {
	return &pipeline.ActionCall{Action: p.act, Args: [][]byte{{n}}}
}

// keys returns every key of a table, one byte per component.
func keys(t *pipeline.Table) [][]byte {
	list := [][]byte{{}}
	for _, k := range t.Keys {
		var longer [][]byte
		for _, prefix := range list {
			for v := range 1 << k.Width {
				longer = append(longer, append(slices.Clone(prefix), byte(v)))
			}
		}
		list = longer
	}
	return list
}

// matches is a second, independent reading of what an entry matches.
func matches(e *pipeline.Entry, key []byte) bool {
	for i, k := range e.Table.Keys {
		m, v := e.Match[i], key[i]
		switch k.Kind {
		case pipeline.MatchExact:
			if m.Value[0] != v {
				return false
			}
		case pipeline.MatchLPM:
			if shift := k.Width - m.Prefix; m.Value[0]>>shift != v>>shift {
				return false
			}
		case pipeline.MatchTernary, pipeline.MatchOptional:
			if (m.Value[0]^v)&m.Mask[0] != 0 {
				return false
			}
		case pipeline.MatchRange:
			if v < m.Value[0] || v > m.High[0] {
				return false
			}
		}
	}
	return true
}

// better reports whether a wins over b where both match.
func better(a, b *pipeline.Entry) bool {
	if a.Table.NeedsPriority() {
		return a.Priority > b.Priority
	}
	for i, k := range a.Table.Keys {
		if k.Kind == pipeline.MatchLPM {
			return a.Match[i].Prefix > b.Match[i].Prefix
		}
	}
	return false
}

// best returns the entry that wins for a key, among equals the first; nil on a miss.
func best(entries []*pipeline.Entry, key []byte) *pipeline.Entry {
	var found *pipeline.Entry
	for _, e := range entries {
		if matches(e, key) && (found == nil || better(e, found)) {
			found = e
		}
	}
	return found
}

func result(call *pipeline.ActionCall) string {
	if call == nil {
		return "nothing"
	}
	return fmt.Sprint(call.Action.Name, call.Args)
}

// side is a target over a list per table.
type side struct {
	entries  map[*pipeline.Table][]*pipeline.Entry
	defaults map[*pipeline.Table]*pipeline.ActionCall
	hits     map[string]uint64 // packets by table and EntryKey
	limit    int               // most entries per table
	changed  func()            // after every single write
}

func newSide() side {
	return side{entries: map[*pipeline.Table][]*pipeline.Entry{}, defaults: map[*pipeline.Table]*pipeline.ActionCall{},
		hits: map[string]uint64{}, limit: 1 << 20, changed: func() {}}
}

func (s *side) find(e *pipeline.Entry) int {
	return slices.IndexFunc(s.entries[e.Table], func(o *pipeline.Entry) bool {
		return pipeline.EntryKey(o) == pipeline.EntryKey(e)
	})
}

func (s *side) insert(e *pipeline.Entry) error {
	switch {
	case s.find(e) >= 0:
		return pipeline.ErrExists
	case len(s.entries[e.Table]) >= s.limit:
		return pipeline.ErrTableFull
	}
	s.entries[e.Table] = append(s.entries[e.Table], e)
	return nil
}

func (s *side) remove(e *pipeline.Entry) error {
	i := s.find(e)
	if i < 0 {
		return pipeline.ErrNotFound
	}
	s.entries[e.Table] = slices.Delete(slices.Clone(s.entries[e.Table]), i, i+1)
	return nil
}

func (s *side) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	var list []pipeline.EntryState
	for _, e := range s.entries[t] {
		n := s.hits[t.Name+pipeline.EntryKey(e)]
		list = append(list, pipeline.EntryState{Entry: e, Count: pipeline.Count{Packets: n, Bytes: 64 * n}})
	}
	return list, nil
}

func (s *side) ReadCounter(*pipeline.Counter, int) (pipeline.Count, error) {
	return pipeline.Count{Packets: 1, Bytes: 2}, nil
}

// software is a SoftwareTarget; its changes are all or nothing.
type software struct{ side }

var _ offload.SoftwareTarget = (*software)(nil)

// keep returns an entry as the target stores it.
func (s *software) keep(e *pipeline.Entry) *pipeline.Entry {
	kept := *e
	return &kept
}

func (s *software) Insert(list ...*pipeline.Entry) error {
	saved := s.save()
	for _, e := range list {
		if err := s.insert(s.keep(e)); err != nil {
			s.entries = saved
			return err
		}
	}
	s.changed()
	return nil
}

func (s *software) save() map[*pipeline.Table][]*pipeline.Entry {
	saved := map[*pipeline.Table][]*pipeline.Entry{}
	for t, list := range s.entries {
		saved[t] = slices.Clone(list)
	}
	return saved
}

func (s *software) Modify(list ...*pipeline.Entry) error {
	for _, e := range list {
		if s.find(e) < 0 {
			return pipeline.ErrNotFound
		}
	}
	for _, e := range list {
		s.entries[e.Table][s.find(e)] = s.keep(e)
	}
	s.changed()
	return nil
}

func (s *software) Delete(list ...*pipeline.Entry) error {
	saved := s.save()
	for _, e := range list {
		if err := s.remove(e); err != nil {
			s.entries = saved
			return err
		}
	}
	s.changed()
	return nil
}

func (s *software) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	s.defaults[t] = call
	s.changed()
	return nil
}

func (s *software) Default(t *pipeline.Table) (*pipeline.ActionCall, error) {
	if call := s.defaults[t]; call != nil {
		return call, nil
	}
	return t.Default, nil
}

var errWire = errors.New("connection reset")

// hardware is a HardwareTarget that does the writes of one call in random order, refuses some entries for
// good, and can lose its connection.
type hardware struct {
	side
	random    *rand.Rand
	advertise bool                     // its size
	picky     bool                     // refuses every fifth action
	absent    map[*pipeline.Table]bool // has no room for entries
	listed    map[*pipeline.Table]bool // and runs its default action all the same
	fail      int                      // writes until the connection breaks; negative: never
	half      bool
	writes    int
}

var _ offload.HardwareTarget = (*hardware)(nil)

func newHardware(seed uint64) *hardware {
	return &hardware{side: newSide(), random: rand.New(rand.NewPCG(seed, 1)), fail: -1, absent: map[*pipeline.Table]bool{},
		listed: map[*pipeline.Table]bool{}}
}

// write does one write, unless the connection is broken; the one at which it breaks is done or not.
func (h *hardware) write(do func() error) error {
	h.writes++
	if h.fail == 0 {
		return errWire
	}
	if h.fail > 0 {
		if h.fail--; h.fail == 0 {
			if h.half {
				_ = do()
			}
			return errWire
		}
	}
	err := do()
	if err == nil {
		h.changed()
	}
	return err
}

func (h *hardware) refuses(call *pipeline.ActionCall) error {
	if h.picky && call != nil && len(call.Args) > 0 && call.Args[0][0]%5 == 0 {
		return fmt.Errorf("action %s: %w", result(call), errors.ErrUnsupported)
	}
	return nil
}

func (h *hardware) InsertEach(list ...*pipeline.Entry) []error {
	errs := make([]error, len(list))
	for _, i := range h.random.Perm(len(list)) {
		errs[i] = h.write(func() error {
			if err := h.refuses(list[i].Call); err != nil {
				return err
			}
			return h.insert(list[i])
		})
	}
	return errs
}

func (h *hardware) Modify(list ...*pipeline.Entry) error {
	var errs []error
	for _, i := range h.random.Perm(len(list)) {
		errs = append(errs, h.write(func() error {
			if err := h.refuses(list[i].Call); err != nil {
				return err
			}
			n := h.find(list[i])
			if n < 0 {
				return pipeline.ErrNotFound
			}
			h.entries[list[i].Table][n] = list[i]
			return nil
		}))
	}
	return errors.Join(errs...)
}

func (h *hardware) Delete(list ...*pipeline.Entry) error {
	var errs []error
	for _, i := range h.random.Perm(len(list)) {
		errs = append(errs, h.write(func() error { return h.remove(list[i]) }))
	}
	return errors.Join(errs...)
}

func (h *hardware) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	return h.write(func() error {
		if err := h.refuses(call); err != nil {
			return err
		}
		h.defaults[t] = call
		return nil
	})
}

func (h *hardware) Default(t *pipeline.Table) (*pipeline.ActionCall, error) {
	if h.fail == 0 {
		return nil, errWire
	}
	return h.defaults[t], nil
}

func (h *hardware) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	if h.fail == 0 {
		return nil, errWire
	}
	return h.side.Entries(t)
}

func (h *hardware) Capability(t *pipeline.Table) offload.Capability {
	if h.absent[t] {
		return offload.Capability{Listed: h.listed[t], Why: "the device has no room for the table"}
	}
	c := offload.Capability{Holds: true, Listed: true}
	if h.advertise {
		c.Size = h.limit
	}
	return c
}

// Clear takes everything back in the order that the interface asks for.
func (h *hardware) Clear() error {
	for t := range h.defaults {
		if err := h.SetDefault(t, nil); err != nil {
			return err
		}
	}
	for t := range h.entries {
		list := slices.SortedFunc(slices.Values(h.entries[t]), func(a, b *pipeline.Entry) int {
			switch {
			case better(a, b):
				return 1
			case better(b, a):
				return -1
			}
			return 0
		})
		for _, e := range list {
			if err := h.Delete(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer returns what the hardware does with a key; handed reports that it hands the packet to the host. Among
// equals it picks the last, where the software picks the first.
func (h *hardware) answer(t *pipeline.Table, key []byte) (text string, handed bool) {
	reversed := slices.Clone(h.entries[t])
	slices.Reverse(reversed)
	if e := best(reversed, key); e != nil {
		return result(e.Call), false
	}
	if call := h.defaults[t]; call != nil {
		return result(call), false
	}
	return "", true
}

// cloneMatch copies what a test changes.
func cloneMatch(m []pipeline.Match) []pipeline.Match {
	c := slices.Clone(m)
	for i := range c {
		c[i].Value = bytes.Clone(c[i].Value)
	}
	return c
}
