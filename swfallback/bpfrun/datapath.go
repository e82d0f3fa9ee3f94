package bpfrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// The names of the programs that are attached. Programs with other names are tail-called by these.
const (
	ProgramXDP = "xdp" // entry at XDP
	ProgramTC  = "tc"  // entry at tcx ingress, for packets that the XDP program passed on with a request
)

// The folders of a pinned Datapath.
const (
	dirPrograms = "programs"
	dirMaps     = "maps"
)

// Datapath is one pipeline in the kernel. Its maps and programs may be used by any number of goroutines; Close
// must come last.
type Datapath struct {
	// Programs holds the attached programs, "xdp" and "tc"; no "tc" where the pipeline needs none.
	Programs map[string]*ebpf.Program
	// Maps holds every map by its name in the specification, without those that only exist inside others.
	Maps map[string]*ebpf.Map
}

// Locator tells the place in the P4 program that an instruction was made for, by the name of the program and the
// instruction's slot (8 bytes each) as the kernel counts. The zero Source where there is none.
type Locator func(program string, slot int) pipeline.Source

// Load creates the maps and loads the programs of a specification. It lifts the limit on locked memory where
// old kernels account maps against it. A program that the verifier refuses is reported as a *VerifierError, with
// its place in the P4 program where at is given. Maps of share are used in the place of new ones of their name; they
// must be as the specification says, and stay the caller's.
func Load(spec *ebpf.CollectionSpec, at Locator, share map[string]*ebpf.Map) (*Datapath, error) {
	if err := supported(); err != nil {
		return nil, fmt.Errorf("bpfrun: load pipeline: %w", err)
	}
	if err := LiftMemlock(); err != nil {
		return nil, err
	}
	if spec.Programs[ProgramXDP] == nil {
		return nil, fmt.Errorf("bpfrun: load pipeline: no program %q: %w", ProgramXDP, fs.ErrNotExist)
	}
	collection, err := loadCollection(spec, share)
	if err != nil {
		return nil, fmt.Errorf("bpfrun: load pipeline: %w", explainLoad(spec, err, at))
	}
	return newDatapath(collection), nil
}

// loadCollection loads by the library where it can.
func loadCollection(spec *ebpf.CollectionSpec, share map[string]*ebpf.Map) (*ebpf.Collection, error) {
	if hasCast(spec) {
		return loadArena(spec, share)
	}
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: share})
}

// newDatapath takes the programs and maps out of a collection. Programs that are only tail-called stay alive in
// their program array.
func newDatapath(collection *ebpf.Collection) *Datapath {
	dp := &Datapath{Programs: make(map[string]*ebpf.Program), Maps: make(map[string]*ebpf.Map)}
	for _, name := range []string{ProgramXDP, ProgramTC} {
		if program := collection.DetachProgram(name); program != nil {
			dp.Programs[name] = program
		}
	}
	for name := range collection.Maps {
		dp.Maps[name] = collection.DetachMap(name)
	}
	collection.Close()
	return dp
}

// Close closes all descriptors. What is pinned or attached stays in the kernel.
func (d *Datapath) Close() error {
	var errs []error
	for _, program := range d.Programs {
		errs = append(errs, program.Close())
	}
	for _, m := range d.Maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// Pin pins every program and map below dir, in the folders programs and maps; dir is in a BPF file system and
// must not hold a pipeline yet. What was pinned is taken away again when one of them fails.
func (d *Datapath) Pin(dir string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("bpfrun: pin pipeline in %s: %w", dir, err)
			if !errors.Is(err, fs.ErrExist) {
				err = errors.Join(err, RemovePins(dir))
			}
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, sub := range []string{dirPrograms, dirMaps} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	for name, program := range d.Programs {
		if err := program.Pin(filepath.Join(dir, dirPrograms, name)); err != nil {
			return fmt.Errorf("pin program %s: %w", name, err)
		}
	}
	for name, m := range d.Maps {
		if err := m.Pin(filepath.Join(dir, dirMaps, name)); err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
	}
	return nil
}

// Open opens what Pin pinned, fs.ErrNotExist when there is nothing.
func Open(dir string) (_ *Datapath, err error) {
	if err := supported(); err != nil {
		return nil, fmt.Errorf("bpfrun: open pipeline: %w", err)
	}
	d := &Datapath{Programs: make(map[string]*ebpf.Program), Maps: make(map[string]*ebpf.Map)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("bpfrun: open pipeline in %s: %w", dir, err), d.Close())
		}
	}()
	err = eachPin(filepath.Join(dir, dirPrograms), func(name, path string) (err error) {
		d.Programs[name], err = ebpf.LoadPinnedProgram(path, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = eachPin(filepath.Join(dir, dirMaps), func(name, path string) (err error) {
		d.Maps[name], err = ebpf.LoadPinnedMap(path, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	if d.Programs[ProgramXDP] == nil {
		return nil, fmt.Errorf("program %q: %w", ProgramXDP, fs.ErrNotExist)
	}
	return d, nil
}

// eachPin calls f for every pin of a folder, in the order of their names.
func eachPin(dir string, f func(name, path string) error) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if err := f(entry.Name(), filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("open pin %s: %w", entry.Name(), err)
		}
	}
	return nil
}

// RemovePins removes a folder of pins and everything in it. A folder that is not there is no error.
func RemovePins(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("bpfrun: remove pins: %w", err)
	}
	return nil
}

// MapNames returns the names of all maps, sorted.
func (d *Datapath) MapNames() []string {
	names := make([]string, 0, len(d.Maps))
	for name := range d.Maps {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Map returns the map of a name, fs.ErrNotExist when the pipeline has none.
func (d *Datapath) Map(name string) (*ebpf.Map, error) {
	m := d.Maps[name]
	if m == nil {
		return nil, fmt.Errorf("bpfrun: map %q: %w", name, fs.ErrNotExist)
	}
	return m, nil
}
