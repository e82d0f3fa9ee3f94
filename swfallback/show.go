package swfallback

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// Status is a target as it is now.
type Status struct {
	Name    string
	Program string // name of the P4 program
	Tag     string // source tag, "" when not known
	Device  string
	Since   time.Time // when the program was attached or last replaced
	Ports   []PortStatus
	Tables  []TableStatus
	// Specialised are the tables that packets find in the program's text, see Fallback.Specialise; nil: none.
	Specialised []string
	Maps        []MapStatus // by name
	// Programs are the kernel's programs, by name.
	Programs []ProgramStatus
	// Fates counts packets by what became of them, by bpfgen.Fate; nil unless the options asked for statistics.
	Fates []pipeline.Count
}

// PortStatus is one port.
type PortStatus struct {
	Port      uint32
	Interface string // as it was called when the program was attached
	Index     int    // 0: the interface is gone
	Mode      string // "native" or "generic"
	NotNative string // why not in the driver; "" where it is, or was not asked for
	ProgramID uint32 // of the XDP program that runs there
}

// TableStatus is one table that has entries.
type TableStatus struct {
	Name    string
	Kind    string // "hash", "lpm", "classifier"
	Entries int
	Size    int    // most entries
	Map     string // "" where the entries are part of the program
}

// MapStatus is one map.
type MapStatus struct {
	Name       string
	Type       string
	ID         uint32
	KeySize    int // bytes
	ValueSize  int // bytes
	MaxEntries int
	Memory     uint64 // bytes in the kernel, 0 when it does not tell
}

// ProgramStatus is one program.
type ProgramStatus struct {
	Name         string
	ID           uint32
	Tag          string // the kernel's digest of the instructions
	Instructions int    // 8-byte slots as loaded
}

// Show returns the target's status.
func (f *Fallback) Show() (*Status, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: show: %w", err)
	}
	defer leave()
	s := &Status{
		Name: f.name, Program: f.gen.object.Program.Name, Tag: f.record.Tag, Device: f.record.Device,
		Since: f.record.Since,
	}
	if f.gen.trusted() {
		s.Specialised = f.gen.knownNames()
	}
	for _, add := range []func(*Status) error{f.showPorts, f.gen.showTables, f.gen.showMaps, f.gen.showPrograms, f.gen.showFates} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("swfallback: show %s: %w", f.name, err)
		}
	}
	return s, nil
}

func (f *Fallback) showPorts(s *Status) error {
	for _, p := range f.record.Ports {
		a := f.attachments[p.Port]
		index, err := a.Device()
		if err != nil {
			return err
		}
		id, err := a.ProgramID()
		if err != nil {
			return err
		}
		s.Ports = append(s.Ports, PortStatus{
			Port: p.Port, Interface: p.Interface, Index: index, Mode: p.Mode, NotNative: p.NotNative,
			ProgramID: uint32(id),
		})
	}
	return nil
}

func (g *generation) showTables(s *Status) error {
	for i, held := range g.stores {
		t := g.object.Program.Tables[i]
		if held == nil || t.Hidden {
			continue
		}
		n, err := held.count()
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		state := held.table()
		s.Tables = append(s.Tables, TableStatus{
			Name: t.Name, Kind: state.layout.Kind.String(), Entries: n, Size: state.size, Map: state.layout.Map,
		})
	}
	return nil
}

func (g *generation) showMaps(s *Status) error {
	for _, name := range g.dp.MapNames() {
		m := g.dp.Maps[name]
		info, err := m.Info()
		if err != nil {
			return fmt.Errorf("map %s: %w", name, err)
		}
		id, _ := info.ID()
		memory, _ := info.Memlock()
		s.Maps = append(s.Maps, MapStatus{
			Name: name, Type: m.Type().String(), ID: uint32(id), KeySize: int(m.KeySize()),
			ValueSize: int(m.ValueSize()), MaxEntries: int(m.MaxEntries()), Memory: memory,
		})
	}
	return nil
}

func (g *generation) showPrograms(s *Status) error {
	for _, name := range []string{bpfgen.ProgramTC, bpfgen.ProgramXDP} {
		program := g.dp.Programs[name]
		if program == nil {
			continue
		}
		info, err := program.Info()
		if err != nil {
			return fmt.Errorf("program %s: %w", name, err)
		}
		s.Programs = append(s.Programs, programStatus(name, info))
	}
	return nil
}

func programStatus(name string, info *ebpf.ProgramInfo) ProgramStatus {
	id, _ := info.ID()
	size, _ := info.TranslatedSize() // 0 where the kernel hides it
	return ProgramStatus{Name: name, ID: uint32(id), Tag: info.Tag, Instructions: size / 8}
}

func (g *generation) showFates(s *Status) error {
	if g.object.StatsMap == "" {
		return nil
	}
	m, err := g.dp.Map(g.object.StatsMap)
	if err != nil {
		return err
	}
	fates := make([]uint32, bpfgen.NumFates)
	for i := range fates {
		fates[i] = uint32(i)
	}
	s.Fates, err = readCounters(m, fates)
	return err
}
