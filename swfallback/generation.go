package swfallback

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// The maps that swfallback adds to those of the compiled program.
const (
	mapSource = "p4dev_source" // the record
	mapState  = "p4dev_state"  // ARRAY of stateValue: element 0 of the pipeline, i+1 of table i
)

// stateValue is the state of one table that its maps do not tell. Little-endian, 16 bytes.
type stateValue struct {
	Version uint64 // changes with every change of the table's entries; of element 0: 1 when the pipeline is retired
	High    uint64 // slots 1 to High have been used
}

// generation is one loaded pipeline with its tables.
type generation struct {
	object *bpfgen.Object
	dp     *bpfrun.Datapath
	state  *ebpf.Map
	arena  *bpfrun.Arena  // nil where no table lies in one
	memory *lookup.Memory // of the arena
	stores []store        // by pipeline.Table.Index; nil where the table has no entries
}

// newGeneration compiles a program and loads it, with the entries of the program and the ports. It shares the maps of ports with the
// generation that it is to replace, if any: they say nothing of the program, and a device map can be filled only from
// the network namespace of its devices.
func newGeneration(program *pipeline.Program, options bpfgen.Options, old *generation, ports map[uint32]int) (_ *generation, err error) {
	object, err := bpfgen.Compile(program, withPorts(options, ports))
	if err != nil {
		return nil, err
	}
	if err := checkPorts(object, ports); err != nil {
		return nil, err
	}
	dp, err := bpfrun.Load(object.Spec, object.SourceOf, old.portMaps(object))
	if err != nil {
		return nil, explain(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, dp.Close())
		}
	}()
	state, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: mapState, Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: uint32(1 + len(program.Tables)),
	})
	if err != nil {
		return nil, fmt.Errorf("make state map: %w", err)
	}
	dp.Maps[mapState] = state
	g, err := bindGeneration(object, dp)
	if err != nil {
		return nil, err
	}
	return g, g.writePorts(old, ports)
}

// withPorts makes ports part of a program, where they are few and stay the same.
func withPorts(options bpfgen.Options, ports map[uint32]int) bpfgen.Options {
	if len(ports) > 0 {
		options.Ports = nil
	}
	if len(ports) > 0 && len(ports) <= bpfgen.MostPorts && !options.Verdict {
		options.Ports = ports
	}
	return options
}

// portMaps returns the maps of ports that a program of the same options uses too. A nil generation has none.
func (g *generation) portMaps(next *bpfgen.Object) map[string]*ebpf.Map {
	shared := make(map[string]*ebpf.Map)
	if g == nil {
		return shared
	}
	for _, pair := range [][2]string{
		{g.object.PortsMap, next.PortsMap},
		{g.object.PortOfMap, next.PortOfMap},
		{g.object.IfindexOfMap, next.IfindexOfMap},
	} {
		m, spec := g.dp.Maps[pair[0]], next.Spec.Maps[pair[1]]
		if m != nil && spec != nil && spec.Compatible(m) == nil {
			shared[pair[1]] = m
		}
	}
	return shared
}

// openGeneration opens a pinned pipeline and compiles its source again, for the layout of the maps.
func openGeneration(dir string) (_ *generation, _ *record, err error) {
	dp, err := bpfrun.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, dp.Close())
		}
	}()
	source, err := dp.Map(mapSource)
	if err != nil {
		return nil, nil, err
	}
	r, err := readRecordMap(source)
	if err != nil {
		return nil, nil, err
	}
	program, err := r.source().Program()
	if err != nil {
		return nil, nil, err
	}
	object, err := bpfgen.Compile(program, r.Options.options())
	if err != nil {
		return nil, nil, err
	}
	if layout, err := fingerprint(object); err != nil || layout != r.Layout {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", program.Name, ErrLayout), err)
	}
	if err := checkPins(object, dp); err != nil {
		return nil, nil, err
	}
	g, err := bindGeneration(object, dp)
	return g, r, err
}

// checkPins checks that every program and map of a pinned pipeline is there, fs.ErrNotExist when not.
func checkPins(object *bpfgen.Object, dp *bpfrun.Datapath) error {
	for name := range object.Spec.Maps {
		if _, err := dp.Map(name); err != nil {
			return err
		}
	}
	if object.Spec.Programs[bpfgen.ProgramTC] != nil && dp.Programs[bpfgen.ProgramTC] == nil {
		return fmt.Errorf("program %q: %w", bpfgen.ProgramTC, fs.ErrNotExist)
	}
	return nil
}

// bindGeneration finds the maps of every table.
func bindGeneration(object *bpfgen.Object, dp *bpfrun.Datapath) (*generation, error) {
	state, err := dp.Map(mapState)
	if err != nil {
		return nil, err
	}
	g := &generation{object: object, dp: dp, state: state, stores: make([]store, len(object.Program.Tables))}
	if err := g.openArena(); err != nil {
		return nil, err
	}
	for i, layout := range object.Tables {
		if layout == nil || !layout.HasEntries() {
			continue
		}
		if g.stores[i], err = g.newStore(layout); err != nil {
			return nil, fmt.Errorf("table %s: %w", layout.Table.Name, err)
		}
	}
	return g, nil
}

// newStore makes the store for a table's kind of map.
func (g *generation) newStore(layout *bpfgen.TableLayout) (store, error) {
	t, err := g.newTableState(layout)
	if err != nil {
		return nil, err
	}
	if layout.Written {
		return &writtenStore{tableState: t}, nil
	}
	if layout.Arena != nil {
		return g.newArenaStore(t), nil
	}
	if layout.Kind == bpfgen.LookupClassifier {
		return &ruleStore{tableState: t}, nil
	}
	return &keyStore{tableState: t}, nil
}

// writePorts fills the maps between P4 ports and interface indices, as far as they are not the old generation's.
func (g *generation) writePorts(old *generation, ports map[uint32]int) error {
	shared := old.portMaps(g.object)
	write := func(name string, key uint32, value []byte) error {
		if shared[name] != nil {
			return nil
		}
		return g.writePort(name, key, value)
	}
	for port, device := range ports {
		index := binary.LittleEndian.AppendUint32(nil, uint32(device))
		err := errors.Join(write(g.object.PortsMap, port, index), write(g.object.IfindexOfMap, port, index))
		if err != nil {
			return fmt.Errorf("write port %d: %w", port, err)
		}
	}
	if shared[g.object.PortOfMap] != nil {
		return nil
	}
	return g.writePortOf(ports)
}

// writePortOf makes interfaces P4 ports, besides those that are. The caller is the only one who writes.
func (g *generation) writePortOf(ports map[uint32]int) error {
	m, err := g.dp.Map(g.object.PortOfMap)
	if err != nil {
		return err
	}
	value, err := m.LookupBytes(uint32(0))
	if err != nil {
		return fmt.Errorf("read map %s: %w", g.object.PortOfMap, err)
	}
	for port, device := range ports {
		if err := g.object.PutPortOf(value, device, port); err != nil {
			return err
		}
	}
	if err := m.Update(uint32(0), value, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("write map %s: %w", g.object.PortOfMap, err)
	}
	return nil
}

// writePort writes one element of a map of ports, where the program has the map. Values of a device map have room
// for a program behind the index, which stays empty.
func (g *generation) writePort(name string, key uint32, value []byte) error {
	m := g.dp.Maps[name]
	if m == nil {
		return nil
	}
	value = append(value, make([]byte, max(int(m.ValueSize())-len(value), 0))...)
	if err := m.Update(key, value, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("write map %s: %w", name, err)
	}
	return nil
}

// table returns the store of a table of this program: nil where the table cannot have entries, ErrNoTable where
// it belongs to another program.
func (g *generation) table(t *pipeline.Table) (store, error) {
	tables := g.object.Program.Tables
	if t == nil || t.Index < 0 || t.Index >= len(tables) || tables[t.Index] != t {
		return nil, pipeline.ErrNoTable
	}
	return g.stores[t.Index], nil
}

// layout returns the layout of a table of this program, nil where it has no maps.
func (g *generation) layout(t *pipeline.Table) (*bpfgen.TableLayout, error) {
	if _, err := g.table(t); err != nil {
		return nil, err
	}
	return g.object.Tables[t.Index], nil
}

// retired reports whether another process has put another pipeline in this one's place, or none.
func (g *generation) retired() (bool, error) {
	var s stateValue
	if err := g.state.Lookup(uint32(0), &s); err != nil {
		return false, fmt.Errorf("read state: %w", err)
	}
	return s.Version != 0, nil
}

// retire tells all processes that have this pipeline open that it is over, or that it is not after all.
func (g *generation) retire(over bool) error {
	var s stateValue
	if over {
		s.Version = 1
	}
	if err := g.state.Put(uint32(0), &s); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// pin pins the pipeline with its record.
func (g *generation) pin(dir string, r *record) error {
	layout, err := fingerprint(g.object)
	if err != nil {
		return err
	}
	r.Layout, r.Options = layout, recordOptions(g.object.Options)
	m, err := newRecordMap(r)
	if err != nil {
		return err
	}
	g.dp.Maps[mapSource] = m
	return g.dp.Pin(dir)
}

func (g *generation) close() error {
	var errs []error
	if g.arena != nil {
		for _, s := range g.stores {
			if a, ok := s.(*arenaStore); ok {
				errs = append(errs, a.settle())
			}
		}
		errs = append(errs, g.arena.Close())
	}
	return errors.Join(append(errs, g.dp.Close())...)
}

// openArena maps the arena, where the program has one, and makes its first pages usable.
func (g *generation) openArena() (err error) {
	if g.object.Arena == "" {
		return nil
	}
	m, err := g.dp.Map(g.object.Arena)
	if err != nil {
		return err
	}
	if g.arena, err = bpfrun.OpenArena(m); err != nil {
		return err
	}
	g.memory = &lookup.Memory{Base: g.arena.Base(), Size: g.arena.Size(), Populate: g.arena.Populate, Wait: bpfrun.WaitForPrograms}
	first := uint64(1) << 32
	for _, layout := range g.object.Tables {
		if layout != nil && layout.Arena != nil {
			first = min(first, uint64(layout.Arena.Cells))
		}
	}
	if err := g.arena.Populate(0, first); err != nil {
		return errors.Join(err, g.arena.Close())
	}
	at, data := bpfgen.ArenaConstants()
	copy(g.memory.Bytes(at, len(data)), data)
	return nil
}

// explain adds to a refusal of the kernel which features it lacks: the number that it answers seldom says so.
func explain(err error) error {
	errs := []error{err}
	var prober bpfrun.Prober
	for _, a := range prober.All(context.Background()) {
		if missing := new(bpfrun.UnsupportedError); errors.As(a.Err, &missing) {
			errs = append(errs, missing)
		}
	}
	return errors.Join(errs...)
}
