package interp

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// keyPart appends one component of a key, big-endian, in (width+7)/8 bytes.
type keyPart func(p *packet, key []byte) []byte

// keyRange is a range component of an entry, at an offset in the key.
type keyRange struct {
	at        int
	low, high []byte
}

func inRanges(key []byte, ranges []keyRange) bool {
	for _, r := range ranges {
		part := string(key[r.at : r.at+len(r.low)])
		if part < string(r.low) || part > string(r.high) {
			return false
		}
	}
	return true
}

// matchBytes is an entry's match over the whole key.
type matchBytes struct {
	value, mask []byte // mask has ones where value is compared; ranges compare the rest
	ranges      []keyRange
	prefix      int // of the lpm component; 0 without one
}

// add appends one component.
func (b *matchBytes) add(kind pipeline.MatchKind, width int, m *pipeline.Match) error {
	n := (width + 7) / 8
	for _, part := range [][]byte{m.Value, m.Mask, m.High} {
		if part != nil && len(part) != n {
			return fmt.Errorf("%d bytes for %d bits: %w", len(part), width, pipeline.ErrBadMatch)
		}
	}
	value, mask := slices.Clone(m.Value), small(-1).bytes(width)
	switch kind {
	case pipeline.MatchTernary, pipeline.MatchOptional:
		mask = slices.Clone(m.Mask)
	case pipeline.MatchLPM:
		b.prefix = m.Prefix
		mask = shiftLeft(small(-1), small(int64(width-m.Prefix))).bytes(width)
	case pipeline.MatchRange:
		b.ranges = append(b.ranges, keyRange{len(b.value), slices.Clone(m.Value), slices.Clone(m.High)})
		mask = make([]byte, n)
	}
	if len(value) != n || len(mask) != n {
		return fmt.Errorf("match without a value or mask: %w", pipeline.ErrBadMatch)
	}
	for i := range value {
		value[i] &= mask[i]
	}
	b.value, b.mask = append(b.value, value...), append(b.mask, mask...)
	return nil
}

// entry is an entry of a table with its state.
type entry struct {
	model *pipeline.Entry // a copy of what was inserted
	order uint64          // of insertion
	match matchBytes
	call  *call   // direct tables
	mbr   *member // indirect tables: one of these
	grp   *group

	count    pipeline.Count
	meter    meter
	lastHit  time.Time
	reported bool // by the last sweep for idle entries
}

// call is an action with the arguments of an entry, as numbers.
type call struct {
	model  *pipeline.ActionCall
	action *action
	args   []value
}

// table is a match-action table (P4_16, "Tables").
type table struct {
	model   *pipeline.Table
	key     []keyPart
	mask    []byte // Key.Mask over the whole key; nil: none
	store   store
	entries map[string]*entry // by pipeline.EntryKey

	def        *call // what a miss runs, or nil
	defaultSet bool  // the control plane set it
	profile    *profile

	meterTo           *field // where a direct meter writes its colour
	hitNext, missNext node
	emptyNext         node
	nextOf            []node // by Action.Index, where the next node depends on the action
}

// store finds the entry that matches a key.
type store interface {
	insert(*entry)
	remove(*entry)
	find(key []byte) *entry
}

// exactStore holds entries without masks.
type exactStore map[string]*entry

func (s exactStore) insert(e *entry)        { s[string(e.match.value)] = e }
func (s exactStore) remove(e *entry)        { delete(s, string(e.match.value)) }
func (s exactStore) find(key []byte) *entry { return s[string(key)] }

// lpmStore holds entries of tables with one lpm component and, maybe, exact ones: an exactStore for each
// prefix length, the longest first.
type lpmStore struct {
	lengths []*prefixes
	scratch []byte
}

type prefixes struct {
	prefix  int
	mask    []byte
	entries exactStore
}

func (s *lpmStore) at(prefix int) (int, bool) {
	return slices.BinarySearchFunc(s.lengths, prefix, func(p *prefixes, n int) int { return n - p.prefix })
}

func (s *lpmStore) insert(e *entry) {
	i, ok := s.at(e.match.prefix)
	if !ok {
		s.lengths = slices.Insert(s.lengths, i, &prefixes{e.match.prefix, e.match.mask, exactStore{}})
	}
	s.lengths[i].entries.insert(e)
}

func (s *lpmStore) remove(e *entry) {
	i, ok := s.at(e.match.prefix)
	if !ok {
		return
	}
	s.lengths[i].entries.remove(e)
	if len(s.lengths[i].entries) == 0 {
		s.lengths = slices.Delete(s.lengths, i, i+1)
	}
}

func (s *lpmStore) find(key []byte) *entry {
	for _, l := range s.lengths {
		s.scratch = append(s.scratch[:0], key...)
		for i, m := range l.mask {
			s.scratch[i] &= m
		}
		if e := l.entries[string(s.scratch)]; e != nil {
			return e
		}
	}
	return nil
}

// scanStore holds entries of tables with ternary, optional or range components, the largest priority first;
// of equal ones the older wins, as in BMv2.
type scanStore struct{ entries []*entry }

func (s *scanStore) insert(e *entry) {
	i := sort.Search(len(s.entries), func(i int) bool { return s.entries[i].model.Priority < e.model.Priority })
	s.entries = slices.Insert(s.entries, i, e)
}

func (s *scanStore) remove(e *entry) {
	if i := slices.Index(s.entries, e); i >= 0 {
		s.entries = slices.Delete(s.entries, i, i+1)
	}
}

func (s *scanStore) find(key []byte) *entry {
	for _, e := range s.entries {
		if matchesMasked(key, e.match.value, e.match.mask) && inRanges(key, e.match.ranges) {
			return e
		}
	}
	return nil
}

// newStore chooses by the strongest kind among the key's components: range and ternary before lpm before exact.
func newStore(t *pipeline.Table) store {
	strongest := pipeline.MatchExact
	for _, k := range t.Keys {
		strongest = max(strongest, k.Kind)
	}
	switch {
	case strongest.NeedsPriority():
		return &scanStore{}
	case strongest == pipeline.MatchLPM:
		return &lpmStore{}
	}
	return exactStore{}
}

// table compiles a table; its successors are linked when all nodes exist.
func (c *compiler) table(m *pipeline.Table) (*table, error) {
	t := &table{model: m, store: newStore(m), entries: map[string]*entry{}}
	for _, k := range m.Keys {
		part, err := c.tableKey(k)
		if err != nil {
			return nil, fmt.Errorf("compile key %s of table %s: %w", k.Name, m.Name, err)
		}
		t.key = append(t.key, part)
	}
	t.mask = keyMask(m)
	if m.Profile != nil {
		if err := within("action profile", m.Profile.Index, c.sw.profiles); err != nil {
			return nil, err
		}
		t.profile = c.sw.profiles[m.Profile.Index]
	}
	if m.Meter != nil && m.Meter.Target != nil {
		var err error
		if t.meterTo, err = c.field(m.Meter.Target.Header, m.Meter.Target.Field); err != nil {
			return nil, fmt.Errorf("compile meter of table %s: %w", m.Name, err)
		}
	}
	return t, nil
}

// tableKey: a field of an invalid header counts as zero, as in BMv2.
func (c *compiler) tableKey(k *pipeline.Key) (keyPart, error) {
	switch ref := k.Expr.(type) {
	case *pipeline.FieldRef:
		f, err := c.field(ref.Header, ref.Field)
		if err != nil {
			return nil, err
		}
		if f.isVar || f.width != k.Width {
			return nil, fmt.Errorf("%d bits of a field of %d: %w", k.Width, f.width, pipeline.ErrBadMatch)
		}
		n := (f.width + 7) / 8
		return func(p *packet, key []byte) []byte {
			if p.valid[f.header] {
				return appendBits(key, p.data, f.at, f.width)
			}
			for range n {
				key = append(key, 0)
			}
			return key
		}, nil
	case *pipeline.ValidRef:
		h, err := c.header(ref.Header)
		return func(p *packet, key []byte) []byte {
			if p.valid[h] {
				return append(key, 1)
			}
			return append(key, 0)
		}, err
	}
	return nil, unsupported("key", k.Expr)
}

// keyMask joins the masks of the key's components; nil where none has one.
func keyMask(t *pipeline.Table) []byte {
	var mask []byte
	masked := false
	for _, k := range t.Keys {
		part := small(-1).bytes(k.Width)
		if k.Mask != nil {
			masked = true
			part = wide(k.Mask).bytes(k.Width)
		}
		mask = append(mask, part...)
	}
	if !masked {
		return nil
	}
	return mask
}

// lookup builds the key and finds the entry; nil: miss. A table without a key always misses.
func (t *table) lookup(p *packet) *entry {
	p.key = p.key[:0]
	for _, part := range t.key {
		p.key = part(p, p.key)
	}
	for i, m := range t.mask {
		p.key[i] &= m
	}
	if len(t.key) == 0 {
		return nil
	}
	return t.store.find(p.key)
}

// apply looks the key up and runs an action (P4_16, "Match-action unit execution semantics"). The direct
// counter and meter of the entry work whatever the action does.
func (t *table) apply(p *packet) node {
	e := t.lookup(p)
	run := t.def
	if e != nil {
		t.hit(p, e)
		run = t.chosen(p, e)
	}
	if p.traced() {
		t.traceApply(p, e, run)
	}
	if run != nil {
		run.action.run(p, run.args)
	}
	switch {
	case t.model.ByHit && e != nil:
		return t.hitNext
	case t.model.ByHit:
		return t.missNext
	case run == nil:
		return t.emptyNext
	}
	return t.nextOf[run.action.model.Index]
}

func (t *table) hit(p *packet, e *entry) {
	length := p.arch.length()
	if t.model.Counter != nil {
		e.count.Packets++
		e.count.Bytes += uint64(length)
	}
	if t.model.Meter != nil {
		size := 1.0
		if t.model.Meter.Bytes {
			size = float64(length)
		}
		colour := e.meter.mark(p.time(), size)
		if t.meterTo != nil {
			p.store(t.meterTo, small(colour))
		}
	}
	if t.model.SupportTimeout {
		e.lastHit = p.time()
	}
}

// chosen is what a hit runs: the entry's action, its member's, or that of a member of its group.
func (t *table) chosen(p *packet, e *entry) *call {
	switch {
	case e.mbr != nil:
		return e.mbr.call
	case e.grp != nil:
		return t.profile.choose(p, e.grp)
	}
	return e.call
}
