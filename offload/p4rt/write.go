package p4rt

import (
	"context"
	"fmt"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Write implements P4Runtime with CONTINUE_ON_ERROR: every update is tried, in order. Runs of table inserts go
// to the target together. The other atomicity modes are UNIMPLEMENTED.
func (s *Server) Write(_ context.Context, r *p4v1.WriteRequest) (*p4v1.WriteResponse, error) {
	if err := s.checkClient(r.GetDeviceId(), r.GetRole()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.arbiter.checkPrimary(r.GetElectionId()); err != nil {
		return nil, err
	}
	if s.pipeline == nil {
		return nil, noPipeline()
	}
	if r.GetAtomicity() != p4v1.WriteRequest_CONTINUE_ON_ERROR {
		return nil, status.Errorf(codes.Unimplemented, "atomicity %v", r.GetAtomicity())
	}
	w := writer{server: s, schema: s.pipeline.Schema, each: make([]error, len(r.GetUpdates()))}
	for i, u := range r.GetUpdates() {
		w.update(i, u)
	}
	w.flush()
	if err := batchStatus("write", w.each); err != nil {
		s.log.Debug("p4runtime write", "updates", len(w.each), "error", err)
		return nil, err
	}
	return &p4v1.WriteResponse{}, nil
}

// writer applies the updates of one Write. Inserts wait in pending until something else comes.
type writer struct {
	server  *Server
	schema  *Schema
	each    []error
	pending []pendingInsert
}

type pendingInsert struct {
	index   int // in each
	entry   *pipeline.Entry
	message *p4v1.TableEntry
}

func (w *writer) update(i int, u *p4v1.Update) {
	te := u.GetEntity().GetTableEntry()
	if te != nil && u.GetType() == p4v1.Update_INSERT && !te.GetIsDefaultAction() {
		w.each[i] = w.prepareInsert(i, te)
		return
	}
	w.flush()
	w.each[i] = w.apply(u)
}

func (w *writer) apply(u *p4v1.Update) error {
	if u.GetType() == p4v1.Update_UNSPECIFIED {
		return badRequest("update type is not set")
	}
	switch e := u.GetEntity().GetEntity().(type) {
	case *p4v1.Entity_TableEntry:
		return w.tableEntry(u.GetType(), e.TableEntry)
	case *p4v1.Entity_ActionProfileMember:
		return w.member(u.GetType(), e.ActionProfileMember)
	case *p4v1.Entity_ActionProfileGroup:
		return w.group(u.GetType(), e.ActionProfileGroup)
	case *p4v1.Entity_CounterEntry:
		return w.counter(u.GetType(), e.CounterEntry)
	case *p4v1.Entity_RegisterEntry:
		return w.register(u.GetType(), e.RegisterEntry)
	case *p4v1.Entity_MeterEntry:
		return w.meter(u.GetType(), e.MeterEntry)
	case *p4v1.Entity_DirectMeterEntry:
		return w.directMeter(u.GetType(), e.DirectMeterEntry)
	case nil:
		return badRequest("entity is not set")
	default:
		return unsupported(fmt.Sprintf("write of %T", e))
	}
}

func (w *writer) tableEntry(op p4v1.Update_Type, te *p4v1.TableEntry) error {
	switch {
	case te.GetIsDefaultAction():
		return w.defaultEntry(op, te)
	case op == p4v1.Update_DELETE:
		return w.delete(te)
	}
	return w.modify(te)
}

// prepareInsert checks an insert and leaves it for flush.
func (w *writer) prepareInsert(i int, te *p4v1.TableEntry) error {
	if err := checkWritten(te); err != nil {
		return err
	}
	e, err := w.schema.DecodeEntry(te)
	if err != nil {
		return err
	}
	if e.Table.Immutable {
		return fmt.Errorf("insert into %s: %w", e.Table.Name, pipeline.ErrImmutable)
	}
	w.pending = append(w.pending, pendingInsert{i, e, te})
	return nil
}

// flush inserts what is pending: together, and one by one where that is refused.
func (w *writer) flush() {
	pending := w.pending
	w.pending = nil
	if len(pending) == 0 {
		return
	}
	entries := make([]*pipeline.Entry, len(pending))
	for i, p := range pending {
		entries[i] = p.entry
	}
	err := w.server.target.Insert(entries...)
	for _, p := range pending {
		each := err
		if err != nil && len(pending) > 1 {
			each = w.server.target.Insert(p.entry)
		}
		w.each[p.index] = each
		if each == nil {
			w.server.opaque.set(p.entry, p.message)
		}
	}
}

func (w *writer) modify(te *p4v1.TableEntry) error {
	if err := checkWritten(te); err != nil {
		return err
	}
	if te.GetAction() == nil {
		return w.modifyNothing(te)
	}
	e, err := w.schema.DecodeEntry(te)
	if err != nil {
		return err
	}
	if e.Table.Immutable {
		return fmt.Errorf("modify %s: %w", e.Table.Name, pipeline.ErrImmutable)
	}
	if err := w.server.target.Modify(e); err != nil {
		return err
	}
	w.server.opaque.set(e, te)
	return nil
}

// modifyNothing is a modify without an action, which leaves the entry as it is; it only has to be there.
func (w *writer) modifyNothing(te *p4v1.TableEntry) error {
	e, err := w.schema.DecodeKey(te)
	if err != nil {
		return err
	}
	states, err := w.server.target.Entries(e.Table)
	if err != nil {
		return err
	}
	key := entryKey(e)
	for _, st := range states {
		if entryKey(st.Entry) == key {
			return nil
		}
	}
	return fmt.Errorf("modify %s: %w", e.Table.Name, pipeline.ErrNotFound)
}

func (w *writer) delete(te *p4v1.TableEntry) error {
	e, err := w.schema.DecodeKey(te)
	if err != nil {
		return err
	}
	switch {
	case te.GetIsConst():
		return badRequest("is_const is set in a write")
	case e.Table.Immutable:
		return fmt.Errorf("delete from %s: %w", e.Table.Name, pipeline.ErrImmutable)
	}
	if err := w.server.target.Delete(e); err != nil {
		return err
	}
	w.server.opaque.remove(e)
	return nil
}

// defaultEntry follows "Default Entry": it can be modified only.
func (w *writer) defaultEntry(op p4v1.Update_Type, te *p4v1.TableEntry) error {
	if op != p4v1.Update_MODIFY {
		return badRequest("%v of a default entry", op)
	}
	t, call, err := w.schema.DecodeDefault(te)
	if err != nil {
		return err
	}
	if t.DefaultConst && call != nil && !sameCall(call, t.Default) {
		return fmt.Errorf("default action of %s is constant: %w", t.Name, pipeline.ErrImmutable)
	}
	return w.server.target.SetDefault(t, call)
}

// checkWritten holds the rules for fields that an insert or a modify must not set.
func checkWritten(te *p4v1.TableEntry) error {
	switch {
	case te.GetIsConst():
		return badRequest("is_const is set in a write")
	case te.GetTimeSinceLastHit() != nil:
		return badRequest("time_since_last_hit is set in a write")
	case te.GetMeterConfig() != nil || te.GetMeterCounterData() != nil:
		return unsupported("direct meter in a table entry")
	case te.GetCounterData() != nil:
		return unsupported("direct counter value in a table entry")
	}
	return nil
}

// sameCall reports whether two calls run the same action with the same arguments.
func sameCall(a, b *pipeline.ActionCall) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Action != b.Action || len(a.Args) != len(b.Args) {
		return false
	}
	for i := range a.Args {
		if string(a.Args[i]) != string(b.Args[i]) {
			return false
		}
	}
	return true
}
