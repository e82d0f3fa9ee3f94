package p4rt

import (
	"fmt"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Read implements P4Runtime for table entries, action profiles, counters, meters and registers, with wildcards. What is read is
// collected with writes locked out, and sent in messages of at most Config.Chunk entities afterwards.
func (s *Server) Read(r *p4v1.ReadRequest, stream p4v1.P4Runtime_ReadServer) error {
	if err := s.checkClient(r.GetDeviceId(), r.GetRole()); err != nil {
		return err
	}
	found, each, err := s.collect(r.GetEntities())
	if err != nil {
		return err
	}
	for len(found) > 0 {
		n := min(s.chunk, len(found))
		if err := stream.Send(&p4v1.ReadResponse{Entities: found[:n]}); err != nil {
			return err
		}
		found = found[n:]
	}
	return batchStatus("read", each)
}

// collect answers every request of a batch; each has one element per request.
func (s *Server) collect(requests []*p4v1.Entity) (found []*p4v1.Entity, each []error, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.pipeline == nil {
		return nil, nil, noPipeline()
	}
	rd := reader{server: s, schema: s.pipeline.Schema}
	each = make([]error, len(requests))
	for i, request := range requests {
		each[i] = rd.entity(request)
	}
	return rd.found, each, nil
}

// reader collects entities. It runs with the server's lock held shared.
type reader struct {
	server *Server
	schema *Schema
	found  []*p4v1.Entity
}

func (r *reader) entity(request *p4v1.Entity) error {
	switch e := request.GetEntity().(type) {
	case *p4v1.Entity_TableEntry:
		return r.tableEntries(e.TableEntry)
	case *p4v1.Entity_DirectCounterEntry:
		return r.directCounters(e.DirectCounterEntry)
	case *p4v1.Entity_ActionProfileMember:
		return r.members(e.ActionProfileMember)
	case *p4v1.Entity_ActionProfileGroup:
		return r.groups(e.ActionProfileGroup)
	case *p4v1.Entity_CounterEntry:
		return r.counters(e.CounterEntry)
	case *p4v1.Entity_RegisterEntry:
		return r.registers(e.RegisterEntry)
	case *p4v1.Entity_MeterEntry:
		return r.meters(e.MeterEntry)
	case *p4v1.Entity_DirectMeterEntry:
		return r.directMeters(e.DirectMeterEntry)
	case nil:
		return badRequest("entity is not set")
	default:
		return unsupported(fmt.Sprintf("read of %T", e))
	}
}

// tableEntries follows "Wildcard Reads" of table entries.
func (r *reader) tableEntries(q *p4v1.TableEntry) error {
	if q.GetTableId() == 0 {
		if hasFilter(q) {
			return badRequest("filter without a table")
		}
		for _, t := range r.schema.Tables() {
			if err := r.oneTable(t, q, nil); err != nil {
				return err
			}
		}
		return nil
	}
	ts, err := r.schema.schemaByID(q.GetTableId())
	if err != nil {
		return err
	}
	if q.GetIsDefaultAction() {
		return r.defaultEntry(ts.table, q)
	}
	match, err := r.matchFilter(ts, q)
	if err != nil {
		return err
	}
	return r.oneTable(ts.table, q, match)
}

func hasFilter(q *p4v1.TableEntry) bool {
	//lint:ignore SA1019 clients of older versions still send it
	cookie := q.GetControllerMetadata()
	return len(q.GetMatch()) != 0 || q.GetAction() != nil || q.GetPriority() != 0 || q.GetIsDefaultAction() ||
		cookie != 0 || len(q.GetMetadata()) != 0
}

// matchFilter returns the match that the query asks for, nil for any.
func (r *reader) matchFilter(ts *tableSchema, q *p4v1.TableEntry) ([]pipeline.Match, error) {
	if len(q.GetMatch()) == 0 {
		return nil, nil
	}
	return ts.decodeMatch(q.GetMatch())
}

func (r *reader) defaultEntry(t *pipeline.Table, q *p4v1.TableEntry) error {
	if len(q.GetMatch()) != 0 || q.GetPriority() != 0 {
		return badRequest("default entry with a match or a priority")
	}
	call, err := r.server.target.Default(t)
	if err != nil {
		return err
	}
	te, err := r.schema.EncodeDefault(t, call)
	if err != nil {
		return err
	}
	te.IsConst = t.DefaultConst
	r.add(&p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: te}})
	return nil
}

// oneTable adds the entries of a table that pass the query's filters. Match is nil for any.
func (r *reader) oneTable(t *pipeline.Table, q *p4v1.TableEntry, match []pipeline.Match) error {
	states, err := r.server.target.Entries(t)
	if err != nil {
		return err
	}
	for _, st := range states {
		if !keyPasses(st.Entry, q, match) {
			continue
		}
		te, err := r.encode(t, &st, q)
		if err != nil {
			return err
		}
		if opaquePasses(te, q) {
			r.add(&p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: te}})
		}
	}
	return nil
}

// encode returns an entry with the direct resources that the query asks for.
func (r *reader) encode(t *pipeline.Table, st *pipeline.EntryState, q *p4v1.TableEntry) (*p4v1.TableEntry, error) {
	te, err := r.schema.EncodeEntry(st.Entry)
	if err != nil {
		return nil, err
	}
	te.IsConst = t.Immutable
	if q.GetCounterData() != nil && t.Counter != nil {
		te.CounterData = counterData(st.Count)
	}
	if q.GetTimeSinceLastHit() != nil && t.SupportTimeout {
		te.TimeSinceLastHit = &p4v1.TableEntry_IdleTimeout{ElapsedNs: int64(st.IdleFor)}
	}
	r.server.opaque.fill(st.Entry, te)
	return te, nil
}

// keyPasses applies the filters on match and priority. A match without a priority finds entries of any.
func keyPasses(e *pipeline.Entry, q *p4v1.TableEntry, match []pipeline.Match) bool {
	if q.GetPriority() != 0 && q.GetPriority() != e.Priority {
		return false
	}
	if match == nil {
		return true
	}
	want := &pipeline.Entry{Table: e.Table, Priority: e.Priority, Match: match}
	return entryKey(want) == entryKey(e)
}

// opaquePasses applies the filters on action id and metadata.
func opaquePasses(te, q *p4v1.TableEntry) bool {
	//lint:ignore SA1019 clients of older versions still send it
	cookie, has := q.GetControllerMetadata(), te.GetControllerMetadata()
	switch {
	case q.GetAction() != nil && q.GetAction().GetAction().GetActionId() != te.GetAction().GetAction().GetActionId():
		return false
	case cookie != 0 && cookie != has:
		return false
	}
	return len(q.GetMetadata()) == 0 || string(q.GetMetadata()) == string(te.GetMetadata())
}

// directCounters follows "DirectCounterEntry": one entry's counter, or all of a table or of the program.
func (r *reader) directCounters(q *p4v1.DirectCounterEntry) error {
	key := q.GetTableEntry()
	if key.GetTableId() == 0 {
		for _, t := range r.schema.Tables() {
			if t.Counter == nil {
				continue
			}
			if _, err := r.tableCounters(t, key, nil); err != nil {
				return err
			}
		}
		return nil
	}
	ts, err := r.schema.schemaByID(key.GetTableId())
	switch {
	case err != nil:
		return err
	case ts.table.Counter == nil:
		return badRequest("table %s has no direct counter", ts.table.Name)
	case key.GetIsDefaultAction():
		return unsupported("direct counter of a default entry")
	}
	match, err := r.matchFilter(ts, key)
	if err != nil {
		return err
	}
	n, err := r.tableCounters(ts.table, key, match)
	if err == nil && n == 0 && match != nil {
		return fmt.Errorf("direct counter of %s: %w", ts.table.Name, pipeline.ErrNotFound)
	}
	return err
}

// tableCounters adds the direct counters of a table and returns how many.
func (r *reader) tableCounters(t *pipeline.Table, q *p4v1.TableEntry, match []pipeline.Match) (int, error) {
	states, err := r.server.target.Entries(t)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, st := range states {
		if !keyPasses(st.Entry, q, match) {
			continue
		}
		te, err := r.schema.EncodeKey(st.Entry)
		if err != nil {
			return n, err
		}
		n++
		r.add(&p4v1.Entity{Entity: &p4v1.Entity_DirectCounterEntry{DirectCounterEntry: &p4v1.DirectCounterEntry{
			TableEntry: te, Data: counterData(st.Count)}}})
	}
	return n, nil
}

// counters follows "CounterEntry": one element, a whole array, or all arrays.
func (r *reader) counters(q *p4v1.CounterEntry) error {
	if q.GetCounterId() == 0 {
		if q.GetIndex() != nil {
			return badRequest("index without a counter")
		}
		for _, c := range r.schema.program.Counters {
			if r.schema.counter[c] == 0 {
				continue
			}
			if err := r.counterRange(c, 0, c.Size); err != nil {
				return err
			}
		}
		return nil
	}
	c := r.schema.counters[q.GetCounterId()]
	index := q.GetIndex().GetIndex()
	switch {
	case c == nil:
		return badRequest("counter id %#x does not exist", q.GetCounterId())
	case q.GetIndex() == nil:
		return r.counterRange(c, 0, c.Size)
	case index < 0:
		return badRequest("index %d of counter %s", index, c.Name)
	case index >= int64(c.Size):
		return fmt.Errorf("index %d of counter %s: %w", index, c.Name, pipeline.ErrBadRange)
	}
	return r.counterRange(c, int(index), int(index)+1)
}

func (r *reader) counterRange(c *pipeline.Counter, from, to int) error {
	for i := from; i < to; i++ {
		count, err := r.server.target.ReadCounter(c, i)
		if err != nil {
			return err
		}
		r.add(&p4v1.Entity{Entity: &p4v1.Entity_CounterEntry{CounterEntry: &p4v1.CounterEntry{
			CounterId: r.schema.counter[c], Index: &p4v1.Index{Index: int64(i)}, Data: counterData(count)}}})
	}
	return nil
}

func (r *reader) add(e *p4v1.Entity) { r.found = append(r.found, e) }

func counterData(c pipeline.Count) *p4v1.CounterData {
	return &p4v1.CounterData{PacketCount: int64(c.Packets), ByteCount: int64(c.Bytes)}
}
