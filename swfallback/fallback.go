package swfallback

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

var (
	// ErrStale says that another process has replaced or detached the pipeline since it was opened: open again.
	ErrStale = errors.New("pipeline was replaced or detached")
	// ErrClosed says that the Fallback has been closed or detached.
	ErrClosed = errors.New("closed")
	// ErrLayout says that another version of p4dev laid out the maps: this one cannot read them. Remove and Attach.
	ErrLayout = errors.New("maps are laid out by another version")
	// ErrBusy says that there is a target of that name already.
	ErrBusy = errors.New("target exists")
	// ErrIncomplete says that pins of a target are missing: it cannot be opened, and Remove takes it away.
	ErrIncomplete = errors.New("target is incomplete: its process died while attaching; remove it")
)

// Config describes a target.
type Config struct {
	Name string // 1 to 64 letters, digits, _ and -
	// Program is what Source holds, for callers that have it already; nil: it is read from Source.
	Program *pipeline.Program
	Source  Source
	Device  string // handle of the device that the ports belong to, "pci/0000:03:00.0"; may be empty
	// Ports leads from P4 ports to network interfaces. The host's and the drop port of Options cannot be interfaces,
	// nor can numbers that are wider than the program's type of ports.
	Ports   map[uint32]string
	Mode    bpfrun.Mode
	Options bpfgen.Options
	// PlainMaps keeps the entries of all tables in the kernel's own types of maps, as kernels before 6.9 need it.
	PlainMaps bool
	Place     Place
}

// Fallback is an attached program. The package comment says what its methods promise to each other, to other
// processes, and to packets.
type Fallback struct {
	place Place
	name  string

	mu          sync.Mutex // held by every method for as long as the file lock
	lock        *fileLock
	gen         *generation
	record      *record
	attachments map[uint32]*bpfrun.Attachment // by P4 port
	closed      bool
	reported    map[string]bool // entries that the last Sweep returned, by entryName
}

// Attach compiles and loads a program, writes its entries, attaches it to the ports and pins everything. It fails
// with ErrBusy when there is a target of that name, with an error that says how to mount it where the BPF file
// system is missing, and leaves nothing behind when it fails. The interfaces are those of the calling thread's
// network namespace.
func Attach(ctx context.Context, config Config) (*Fallback, error) {
	f, err := attach(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("swfallback: attach %s: %w", config.Name, err)
	}
	return f, nil
}

func attach(ctx context.Context, config Config) (_ *Fallback, err error) {
	f, err := lockTarget(ctx, config.Place, config.Name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.abandon())
			return
		}
		err = f.lock.release()
	}()
	if _, err := os.Stat(f.place.dir(f.name)); err == nil {
		return nil, ErrBusy
	}
	if config.Program == nil {
		if config.Program, err = config.Source.Program(); err != nil {
			return nil, err
		}
	}
	devices, err := findDevices(config.Ports)
	if err != nil {
		return nil, err
	}
	config.Options.Arena = !config.PlainMaps && new(bpfrun.Prober).HaveArena(ctx) == nil
	if config.Options.CPUs, err = ebpf.PossibleCPU(); err != nil {
		return nil, fmt.Errorf("count CPUs: %w", err)
	}
	if f.gen, err = newGeneration(config.Program, fitIfindex(config.Options, devices), nil, devices); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.record = &record{Device: config.Device, Since: time.Now().UTC()}
	f.record.setSource(config.Source)
	if err := f.attachPorts(config, devices); err != nil {
		return nil, err
	}
	return f, f.pin()
}

// lockTarget makes a Fallback that holds the lock of a target, and nothing else yet.
func lockTarget(ctx context.Context, place Place, name string) (*Fallback, error) {
	f := &Fallback{place: place.withDefaults(), name: name, attachments: make(map[uint32]*bpfrun.Attachment)}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := bpfrun.EnsureFS(f.place.BPF); err != nil {
		return nil, err
	}
	for {
		var err error
		if f.lock, err = openLock(f.place, name); err != nil {
			return nil, err
		}
		err = f.lock.acquire(ctx)
		if err == nil {
			return f, nil
		}
		if err = errors.Join(err, f.lock.close()); !errors.Is(err, errLockGone) {
			return nil, err
		}
	}
}

// findDevices looks up the indices of the ports' interfaces.
func findDevices(ports map[uint32]string) (map[uint32]int, error) {
	devices := make(map[uint32]int)
	owner := make(map[int]uint32)
	var errs []error
	for port, name := range ports {
		device, err := net.InterfaceByName(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("port %d: interface %s: %w", port, name, err))
			continue
		}
		if other, taken := owner[device.Index]; taken {
			errs = append(errs, fmt.Errorf("interface %s is port %d and port %d", name, min(port, other), max(port, other)))
		}
		owner[device.Index], devices[port] = port, device.Index
	}
	return devices, errors.Join(errs...)
}

// fitIfindex makes room for interface indices beyond the compiler's default.
func fitIfindex(options bpfgen.Options, devices map[uint32]int) bpfgen.Options {
	const usual = 4096
	if options.MaxIfindex != 0 {
		return options
	}
	for _, index := range devices {
		if index >= max(usual, options.MaxIfindex) {
			options.MaxIfindex = (index/usual + 1) * usual
		}
	}
	return options
}

// attachPorts attaches the pipeline to every port, in the order of their numbers.
func (f *Fallback) attachPorts(config Config, devices map[uint32]int) error {
	for _, port := range sortedPorts(devices) {
		a, err := bpfrun.Attach(f.gen.dp, devices[port], config.Mode)
		if err != nil {
			return fmt.Errorf("port %d, interface %s: %w", port, config.Ports[port], explain(err))
		}
		f.attachments[port] = a
		p := portRecord{Port: port, Interface: config.Ports[port], Mode: a.Mode.String()}
		if a.NotNative != nil {
			p.NotNative = a.NotNative.Error()
		}
		f.record.Ports = append(f.record.Ports, p)
	}
	return nil
}

func sortedPorts[V any](ports map[uint32]V) []uint32 {
	list := make([]uint32, 0, len(ports))
	for port := range ports {
		list = append(list, port)
	}
	slices.Sort(list)
	return list
}

// pin pins the pipeline and the attachments of all ports.
func (f *Fallback) pin() error {
	if err := f.gen.pin(f.place.pipeline(f.name), f.record); err != nil {
		return err
	}
	for port, a := range f.attachments {
		if err := a.Pin(f.place.links(f.name), linkName(port)); err != nil {
			return err
		}
	}
	return os.MkdirAll(f.place.links(f.name), 0o700)
}

// linkName is the name of a port's attachment among the pins.
func linkName(port uint32) string { return strconv.FormatUint(uint64(port), 10) }

// abandon gives up a target that could not be attached. A target that was there before stays.
func (f *Fallback) abandon() error {
	var errs []error
	if f.gen != nil {
		for _, a := range f.attachments {
			errs = append(errs, a.Close())
		}
		errs = append(errs, bpfrun.RemovePins(f.place.dir(f.name)), f.gen.close())
	}
	return errors.Join(append(errs, f.lock.close())...)
}

// Open opens a target that this or another process has attached. Its program is read from the source that is
// pinned beside it. fs.ErrNotExist: there is no such target; ErrLayout: another version of p4dev made it;
// ErrIncomplete: pins are missing.
func Open(ctx context.Context, name string, options ...Option) (*Fallback, error) {
	f, err := open(ctx, name, options)
	if err != nil {
		return nil, fmt.Errorf("swfallback: open %s: %w", name, err)
	}
	return f, nil
}

// Option changes how Open works.
type Option func(*Place)

// At opens a target at another place than the system's.
func At(place Place) Option { return func(p *Place) { *p = place } }

func open(ctx context.Context, name string, options []Option) (_ *Fallback, err error) {
	var place Place
	for _, option := range options {
		option(&place)
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if _, err := os.Stat(place.withDefaults().dir(name)); err != nil {
		return nil, err
	}
	f, err := lockTarget(ctx, place, name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.closeAll())
			return
		}
		err = f.lock.release()
	}()
	if _, err := os.Stat(f.place.dir(name)); err != nil { // detached while this waited for the lock
		return nil, errors.Join(err, f.lock.remove())
	}
	err = f.openPins()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w (%v)", ErrIncomplete, err)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// openPins opens what is pinned of a target, fs.ErrNotExist when something is missing.
func (f *Fallback) openPins() (err error) {
	if f.gen, f.record, err = openGeneration(f.place.pipeline(f.name)); err != nil {
		return err
	}
	if err := f.openAttachments(); err != nil {
		return err
	}
	return f.recover()
}

func (f *Fallback) openAttachments() error {
	for _, p := range f.record.Ports {
		mode, err := bpfrun.ParseMode(p.Mode)
		if err != nil {
			return err
		}
		if f.attachments[p.Port], err = bpfrun.OpenAttachment(f.place.links(f.name), linkName(p.Port), mode); err != nil {
			delete(f.attachments, p.Port)
			return err
		}
	}
	return nil
}

// Name returns the target's name.
func (f *Fallback) Name() string { return f.name }

// Program returns the program that the target runs, and whose tables its methods take. It changes with Replace.
func (f *Fallback) Program() *pipeline.Program {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gen.object.Program
}

// enter takes the locks and checks that the pipeline is still the one that runs. The caller calls leave.
func (f *Fallback) enter() (leave func(), err error) { return f.enterContext(context.Background()) }

func (f *Fallback) enterContext(ctx context.Context) (leave func(), err error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", f.name, ErrClosed)
	}
	if err := f.lock.acquire(ctx); err != nil {
		f.mu.Unlock()
		if errors.Is(err, errLockGone) {
			err = fmt.Errorf("%s: %w", f.name, ErrStale)
		}
		return nil, err
	}
	leave = func() {
		f.lock.release() // only fails for a descriptor that is closed
		f.mu.Unlock()
	}
	gone, err := f.gen.retired()
	if err == nil && gone {
		err = ErrStale
	}
	if err != nil {
		leave()
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return leave, nil
}

// Close closes the Fallback; the target keeps running. Methods return ErrClosed from then on.
func (f *Fallback) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	if err := f.closeAll(); err != nil {
		return fmt.Errorf("swfallback: close %s: %w", f.name, err)
	}
	return nil
}

// closeAll closes all descriptors.
func (f *Fallback) closeAll() error {
	f.closed = true
	var errs []error
	for _, a := range f.attachments {
		errs = append(errs, a.Close())
	}
	if f.gen != nil {
		errs = append(errs, f.gen.close())
	}
	return errors.Join(append(errs, f.lock.close())...)
}

// Detach takes the program off its ports and removes links, maps and pins: nothing is left. Other processes that
// have it open get ErrStale. The Fallback is closed by it.
func (f *Fallback) Detach() error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: detach: %w", err)
	}
	defer leave()
	var errs []error
	for _, port := range sortedPorts(f.attachments) {
		errs = append(errs, f.attachments[port].Detach())
		delete(f.attachments, port)
	}
	errs = append(errs, f.gen.retire(true), bpfrun.RemovePins(f.place.dir(f.name)), f.lock.remove(), f.closeAll())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("swfallback: detach %s: %w", f.name, err)
	}
	return nil
}

// Remove takes away a target that cannot be opened: one that another version of p4dev made, or whose process died
// while it was attaching. Its ports forward nothing from then on. A target that is not there is no error.
func Remove(ctx context.Context, name string, place Place) error {
	f, err := lockTarget(ctx, place, name)
	if err != nil {
		return fmt.Errorf("swfallback: remove %s: %w", name, err)
	}
	defer f.lock.close()
	err = errors.Join(bpfrun.DetachAll(f.place.links(name)), bpfrun.RemovePins(f.place.dir(name)), f.lock.remove())
	if err != nil {
		return fmt.Errorf("swfallback: remove %s: %w", name, err)
	}
	return nil
}
