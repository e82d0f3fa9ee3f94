package hw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/p4rt"
)

// pinned is the metadata of entries with SkipSW: that they live in hardware only is written nowhere else.
const pinned = "p4dev:skip_sw"

// Config is what a Target is made of.
type Config struct {
	Address  string            // of the agent, as gRPC writes it: "unix:PATH" or "HOST:PORT"
	DeviceID uint64            // the agent's; 0: DefaultDeviceID
	Program  *pipeline.Program // as software runs it: entries refer to its tables
	Model    *Model            // nil: every table is taken to be there, of its own size
	// ElectionID is the client's; nil: the time in nanoseconds, so that of several processes the last one is
	// primary.
	ElectionID *p4v1.Uint128
	Timeout    time.Duration // of one call; 0: DefaultTimeout
	Batch      int           // most updates in one write; 0: DefaultBatch
}

// withDefaults returns the configuration with what was left open.
func (c Config) withDefaults() Config {
	if c.DeviceID == 0 {
		c.DeviceID = DefaultDeviceID
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	return c
}

// Target holds entries in a device through its agent. A lost connection is made anew at the next call. Its methods
// may be called by any number of goroutines.
type Target struct {
	config  Config
	session *session
	schema  *p4rt.Schema
}

var _ offload.HardwareTarget = (*Target)(nil)
var _ p4rt.Target = (*Target)(nil)

// Dial connects to a device's agent and becomes primary. The agent must run a program with the ids of
// Config.Program; if it runs none the error wraps ErrNoPipeline.
func Dial(ctx context.Context, c Config) (*Target, error) {
	c = c.withDefaults()
	s, err := newSession(c)
	if err != nil {
		return nil, fmt.Errorf("hw: dial %s: %w", c.Address, err)
	}
	t := &Target{config: c, session: s}
	if err := t.open(ctx); err != nil {
		return nil, fmt.Errorf("hw: dial %s: %w", c.Address, errors.Join(err, s.close()))
	}
	return t, nil
}

func (t *Target) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	info, err := t.session.info(ctx)
	if err != nil {
		return err
	}
	if t.schema, err = p4rt.NewSchema(t.config.Program, info); err != nil {
		return err
	}
	for _, table := range info.GetTables() {
		id, err := t.schema.TableID(programTable(t.config.Program, table.GetPreamble().GetName()))
		if err != nil || id != table.GetPreamble().GetId() {
			return fmt.Errorf("table %s of the agent's program is not this program's: %w", table.GetPreamble().GetName(),
				pipeline.ErrNoTable)
		}
	}
	_, err = t.session.primary(ctx)
	return err
}

// Close ends the session. The entries stay in the device.
func (t *Target) Close() error {
	if err := t.session.close(); err != nil {
		return fmt.Errorf("hw: close: %w", err)
	}
	return nil
}

// Capability says what the device can hold of a table, by its Model.
func (t *Target) Capability(table *pipeline.Table) offload.Capability {
	if _, err := t.schema.TableID(table); err != nil {
		return offload.Capability{Why: "the table has no P4Runtime id"}
	}
	if t.config.Model == nil {
		return offload.Capability{Holds: true, Listed: true, Size: table.Size}
	}
	return t.config.Model.Capability(table)
}

// context bounds one call.
func (t *Target) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), t.config.Timeout)
}

// InsertEach implements offload.HardwareTarget: the entries go out in as few writes as the batch size allows.
func (t *Target) InsertEach(entries ...*pipeline.Entry) []error {
	return t.updates(p4v1.Update_INSERT, entries)
}

// Insert adds entries, all or nothing: if one is refused, those that were taken are removed again.
func (t *Target) Insert(entries ...*pipeline.Entry) error {
	var taken []*pipeline.Entry
	var refused []error
	for i, err := range t.InsertEach(entries...) {
		if err == nil {
			taken = append(taken, entries[i])
		} else {
			refused = append(refused, err)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	err := fmt.Errorf("hw: insert entry: %w", errors.Join(refused...))
	if len(taken) > 0 {
		err = errors.Join(err, t.Delete(taken...))
	}
	return err
}

// Modify replaces actions and data of entries. After an error some may have been replaced.
func (t *Target) Modify(entries ...*pipeline.Entry) error {
	if err := errors.Join(t.updates(p4v1.Update_MODIFY, entries)...); err != nil {
		return fmt.Errorf("hw: modify entry: %w", err)
	}
	return nil
}

// Delete removes entries by match and priority. After an error some may be gone.
func (t *Target) Delete(entries ...*pipeline.Entry) error {
	if err := errors.Join(t.updates(p4v1.Update_DELETE, entries)...); err != nil {
		return fmt.Errorf("hw: delete entry: %w", err)
	}
	return nil
}

// updates sends one update per entry and returns one error per entry.
func (t *Target) updates(op p4v1.Update_Type, entries []*pipeline.Entry) []error {
	errs := make([]error, len(entries))
	var batch []*p4v1.Update
	var at []int // the entry of each update
	flush := func() {
		for i, err := range t.write(batch) {
			errs[at[i]] = err
		}
		batch, at = nil, nil
	}
	for i, e := range entries {
		te, err := t.encode(op, e)
		if err != nil {
			errs[i] = err
			continue
		}
		batch, at = append(batch, tableUpdate(op, te)), append(at, i)
		if len(batch) == t.config.Batch {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
	return errs
}

func (t *Target) encode(op p4v1.Update_Type, e *pipeline.Entry) (*p4v1.TableEntry, error) {
	if op == p4v1.Update_DELETE {
		return t.schema.EncodeKey(e)
	}
	te, err := t.schema.EncodeEntry(e)
	if err == nil && e.SkipSW {
		te.Metadata = []byte(pinned)
	}
	return te, err
}

func tableUpdate(op p4v1.Update_Type, te *p4v1.TableEntry) *p4v1.Update {
	return &p4v1.Update{Type: op, Entity: &p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: te}}}
}

// write sends one WriteRequest and returns one error per update. If the call itself failed, that is the error of
// all: it is not known which were done.
func (t *Target) write(updates []*p4v1.Update) []error {
	ctx, cancel := t.context()
	defer cancel()
	election, err := t.session.primary(ctx)
	if err == nil {
		_, err = t.session.client.Write(ctx, &p4v1.WriteRequest{DeviceId: t.config.DeviceID, ElectionId: election, Updates: updates})
		each, rpc := p4rt.WriteErrors(err, len(updates))
		if rpc == nil {
			return each
		}
		err = unreachable(t.config.Address, rpc)
	}
	all := make([]error, len(updates))
	for i := range all {
		all[i] = err
	}
	return all
}

// SetDefault writes a table's default entry; a nil call takes it back, so that a miss hands the packet to the
// host.
func (t *Target) SetDefault(table *pipeline.Table, call *pipeline.ActionCall) error {
	te, err := t.schema.EncodeDefault(table, call)
	if err == nil {
		err = t.write([]*p4v1.Update{tableUpdate(p4v1.Update_MODIFY, te)})[0]
	}
	if err != nil {
		return fmt.Errorf("hw: set default action of %s: %w", table.Name, err)
	}
	return nil
}

// Default returns the default entry as the device runs it; nil where a miss hands the packet to the host.
func (t *Target) Default(table *pipeline.Table) (*pipeline.ActionCall, error) {
	query, err := t.schema.EncodeDefault(table, nil)
	if err != nil {
		return nil, fmt.Errorf("hw: read default action: %w", err)
	}
	found, err := t.read(&p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: query}})
	if err != nil {
		return nil, fmt.Errorf("hw: read default action of %s: %w", table.Name, err)
	}
	for _, e := range found {
		if te := e.GetTableEntry(); te.GetIsDefaultAction() {
			_, call, err := t.schema.DecodeDefault(te)
			return call, err
		}
	}
	return nil, nil
}

// Entries returns the device's entries of a table with their direct counters.
func (t *Target) Entries(table *pipeline.Table) ([]pipeline.EntryState, error) {
	id, err := t.schema.TableID(table)
	if err != nil {
		return nil, fmt.Errorf("hw: list entries: %w", err)
	}
	query := &p4v1.TableEntry{TableId: id}
	if table.Counter != nil {
		query.CounterData = &p4v1.CounterData{}
	}
	if table.SupportTimeout {
		query.TimeSinceLastHit = &p4v1.TableEntry_IdleTimeout{}
	}
	found, err := t.read(&p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: query}})
	if err != nil {
		return nil, fmt.Errorf("hw: list entries of %s: %w", table.Name, err)
	}
	states := make([]pipeline.EntryState, 0, len(found))
	for _, f := range found {
		te := f.GetTableEntry()
		e, err := t.schema.DecodeEntry(te)
		if err != nil {
			return nil, fmt.Errorf("hw: list entries of %s: %w", table.Name, err)
		}
		e.SkipSW = string(te.GetMetadata()) == pinned
		states = append(states, pipeline.EntryState{Entry: e, Count: count(te.GetCounterData()),
			IdleFor: time.Duration(te.GetTimeSinceLastHit().GetElapsedNs())})
	}
	return states, nil
}

// ReadCounter returns one element of a counter.
func (t *Target) ReadCounter(c *pipeline.Counter, index int) (pipeline.Count, error) {
	id, err := t.schema.CounterID(c)
	if err != nil {
		return pipeline.Count{}, fmt.Errorf("hw: read counter: %w", err)
	}
	found, err := t.read(&p4v1.Entity{Entity: &p4v1.Entity_CounterEntry{CounterEntry: &p4v1.CounterEntry{
		CounterId: id, Index: &p4v1.Index{Index: int64(index)}}}})
	if err != nil {
		return pipeline.Count{}, fmt.Errorf("hw: read counter %s: %w", c.Name, err)
	}
	for _, e := range found {
		return count(e.GetCounterEntry().GetData()), nil
	}
	return pipeline.Count{}, nil
}

func count(d *p4v1.CounterData) pipeline.Count {
	return pipeline.Count{Packets: uint64(d.GetPacketCount()), Bytes: uint64(d.GetByteCount())}
}

// read answers one query. A connection that was lost is tried once more: reading changes nothing.
func (t *Target) read(query *p4v1.Entity) ([]*p4v1.Entity, error) {
	ctx, cancel := t.context()
	defer cancel()
	found, err := t.readOnce(ctx, query)
	each, rpc := p4rt.WriteErrors(err, 1)
	if rpc != nil && ctx.Err() == nil {
		found, err = t.readOnce(ctx, query)
		each, rpc = p4rt.WriteErrors(err, 1)
	}
	if rpc != nil {
		return nil, unreachable(t.config.Address, rpc)
	}
	return found, each[0]
}

func (t *Target) readOnce(ctx context.Context, query *p4v1.Entity) ([]*p4v1.Entity, error) {
	stream, err := t.session.client.Read(ctx, &p4v1.ReadRequest{DeviceId: t.config.DeviceID, Entities: []*p4v1.Entity{query}})
	if err != nil {
		return nil, err
	}
	var found []*p4v1.Entity
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found = append(found, m.GetEntities()...)
	}
}
