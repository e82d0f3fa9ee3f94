package p4rt

import (
	"fmt"

	configv1 "github.com/p4lang/p4runtime/go/p4/config/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Schema ties a program to the numbers that P4Runtime calls its objects by. It is immutable and may be used by
// any number of goroutines.
type Schema struct {
	program  *pipeline.Program
	info     *configv1.P4Info
	byID     map[uint32]*tableSchema
	byTable  map[*pipeline.Table]*tableSchema
	counters map[uint32]*pipeline.Counter
	counter  map[*pipeline.Counter]uint32
}

// tableSchema is what P4Runtime knows of one table.
type tableSchema struct {
	table   *pipeline.Table
	id      uint32
	fields  []field // one per Table.Keys
	actions []actionSchema
}

// field is one component of a table's key.
type field struct {
	id   uint32
	kind pipeline.MatchKind // P4Info's, which tells optional from ternary
	key  *pipeline.Key
}

// actionSchema is an action of one table.
type actionSchema struct {
	action *pipeline.Action
	id     uint32
	params []uint32 // ids, one per Action.Params
	scope  pipeline.ActionScope
}

// NewSchema returns the schema of a program. Ids come from the program (an importer that had the P4Info put
// them there) or, where it has none, from info by name. Tables without an id, which the compiler made, stay
// out. Info may be nil; then GetForwardingPipelineConfig has no P4Info to return.
func NewSchema(program *pipeline.Program, info *configv1.P4Info) (*Schema, error) {
	s := &Schema{
		program:  program,
		info:     info,
		byID:     make(map[uint32]*tableSchema),
		byTable:  make(map[*pipeline.Table]*tableSchema),
		counters: make(map[uint32]*pipeline.Counter),
		counter:  make(map[*pipeline.Counter]uint32),
	}
	names := indexInfo(info)
	for _, t := range program.Tables {
		ts, err := newTableSchema(t, names)
		if err != nil {
			return nil, fmt.Errorf("p4rt: read ids of table %s: %w", t.Name, err)
		}
		if ts == nil {
			continue
		}
		if other := s.byID[ts.id]; other != nil {
			return nil, fmt.Errorf("p4rt: read ids of table %s: id %#x is %s's too", t.Name, ts.id, other.table.Name)
		}
		s.byID[ts.id], s.byTable[t] = ts, ts
	}
	for _, c := range program.Counters {
		if id := names.counterID(c); id != 0 && c.Table == nil {
			s.counters[id], s.counter[c] = c, id
		}
	}
	return s, nil
}

// Program returns the program that the schema describes.
func (s *Schema) Program() *pipeline.Program { return s.program }

// P4Info returns the P4Info that NewSchema was given, or nil. It must not be changed.
func (s *Schema) P4Info() *configv1.P4Info { return s.info }

// Tables returns the tables that P4Runtime can reach, in the program's order.
func (s *Schema) Tables() []*pipeline.Table {
	var list []*pipeline.Table
	for _, t := range s.program.Tables {
		if s.byTable[t] != nil {
			list = append(list, t)
		}
	}
	return list
}

// TableID returns the P4Info id of a table; pipeline.ErrNoTable where it has none.
func (s *Schema) TableID(t *pipeline.Table) (uint32, error) {
	ts, err := s.schemaOf(t)
	if err != nil {
		return 0, err
	}
	return ts.id, nil
}

// schemaOf returns the schema of a table of the program.
func (s *Schema) schemaOf(t *pipeline.Table) (*tableSchema, error) {
	if ts := s.byTable[t]; ts != nil {
		return ts, nil
	}
	name := "no table"
	if t != nil {
		name = "table " + t.Name
	}
	return nil, fmt.Errorf("%s has no P4Runtime id: %w", name, pipeline.ErrNoTable)
}

// schemaByID returns the schema of the table that a message names.
func (s *Schema) schemaByID(id uint32) (*tableSchema, error) {
	if ts := s.byID[id]; ts != nil {
		return ts, nil
	}
	return nil, fmt.Errorf("table id %#x: %w", id, pipeline.ErrNoTable)
}

// infoNames finds P4Info's objects by name and by id.
type infoNames struct {
	tables   map[string]*configv1.Table
	actions  map[string]*configv1.Action
	counters map[string]uint32
}

func indexInfo(info *configv1.P4Info) infoNames {
	n := infoNames{
		tables:   make(map[string]*configv1.Table),
		actions:  make(map[string]*configv1.Action),
		counters: make(map[string]uint32),
	}
	for _, t := range info.GetTables() {
		n.tables[t.GetPreamble().GetName()] = t
	}
	for _, a := range info.GetActions() {
		n.actions[a.GetPreamble().GetName()] = a
	}
	for _, c := range info.GetCounters() {
		n.counters[c.GetPreamble().GetName()] = c.GetPreamble().GetId()
	}
	return n
}

func (n infoNames) counterID(c *pipeline.Counter) uint32 {
	if c.ID != 0 {
		return c.ID
	}
	return n.counters[c.Name]
}

// newTableSchema returns nil for a table that has no id.
func newTableSchema(t *pipeline.Table, names infoNames) (*tableSchema, error) {
	info := names.tables[t.Name]
	ts := &tableSchema{table: t, id: firstID(t.ID, info.GetPreamble().GetId())}
	if ts.id == 0 {
		return nil, nil
	}
	if info != nil && len(info.GetMatchFields()) != len(t.Keys) {
		return nil, fmt.Errorf("P4Info has %d match fields, the program %d keys", len(info.GetMatchFields()), len(t.Keys))
	}
	for i, k := range t.Keys {
		f, err := newField(i, k, info)
		if err != nil {
			return nil, err
		}
		ts.fields = append(ts.fields, f)
	}
	for i, a := range t.Actions {
		as, err := newActionSchema(a, names.actions[a.Name])
		if err != nil {
			return nil, err
		}
		as.scope = actionScope(t, i, as.id, info)
		ts.actions = append(ts.actions, as)
	}
	return ts, nil
}

// newField takes the i-th match field: p4c writes keys of JSON and P4Info in the same order.
func newField(i int, k *pipeline.Key, info *configv1.Table) (field, error) {
	f := field{id: k.ID, kind: k.Kind, key: k}
	if info == nil {
		if f.id == 0 {
			return f, fmt.Errorf("key %s has no id", k.Name)
		}
		return f, nil
	}
	mf := info.GetMatchFields()[i]
	f.id = firstID(k.ID, mf.GetId())
	if width := int(mf.GetBitwidth()); width != 0 && width != k.Width {
		return f, fmt.Errorf("key %s has %d bits in P4Info and %d in the program", k.Name, width, k.Width)
	}
	if mf.GetMatchType() == configv1.MatchField_OPTIONAL && k.Kind == pipeline.MatchTernary {
		f.kind = pipeline.MatchOptional
	}
	return f, nil
}

func newActionSchema(a *pipeline.Action, info *configv1.Action) (actionSchema, error) {
	as := actionSchema{action: a, id: firstID(a.ID, info.GetPreamble().GetId())}
	byName := make(map[string]uint32, len(a.Params))
	for _, p := range info.GetParams() {
		byName[p.GetName()] = p.GetId()
	}
	for _, p := range a.Params {
		id := firstID(p.ID, byName[p.Name])
		if id == 0 && as.id != 0 {
			return as, fmt.Errorf("parameter %s of action %s has no id", p.Name, a.Name)
		}
		as.params = append(as.params, id)
	}
	return as, nil
}

// actionScope returns where the table may use its i-th action: by the program, or by P4Info where that is given.
func actionScope(t *pipeline.Table, i int, id uint32, info *configv1.Table) pipeline.ActionScope {
	for _, ref := range info.GetActionRefs() {
		switch {
		case ref.GetId() != id:
		case ref.GetScope() == configv1.ActionRef_TABLE_ONLY:
			return pipeline.ScopeTable
		case ref.GetScope() == configv1.ActionRef_DEFAULT_ONLY:
			return pipeline.ScopeDefault
		}
	}
	if i < len(t.Scopes) {
		return t.Scopes[i]
	}
	return pipeline.ScopeAny
}

// firstID returns the first id that is not 0.
func firstID(a, b uint32) uint32 {
	if a != 0 {
		return a
	}
	return b
}

// CounterID returns the P4Info id of an indexed counter; pipeline.ErrNoObject where it has none.
func (s *Schema) CounterID(c *pipeline.Counter) (uint32, error) {
	if id := s.counter[c]; id != 0 {
		return id, nil
	}
	return 0, fmt.Errorf("p4rt: counter has no P4Runtime id: %w", pipeline.ErrNoObject)
}
