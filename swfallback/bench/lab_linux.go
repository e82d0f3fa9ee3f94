package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
	"github.com/p4dev/p4dev/swfallback/bpfrun/wires"
	yardsticks "github.com/p4dev/p4dev/testdata/bench"
	"github.com/p4dev/p4dev/testdata/p4"
)

// loopback is the index of the loopback in every network namespace: where test runs come in.
const loopback = 1

// lab is what one row works with: a folder, a BPF file system, and all that has to be ended.
type lab struct {
	rounds  int
	command string // path of p4dev; "": not known
	dir     string
	place   swfallback.Place
	ends    []func() error
	serial  int
}

// newLab makes a lab. Without root it is errors.ErrUnsupported.
func newLab(config Config) (_ *lab, err error) {
	l := &lab{rounds: config.Rounds, command: config.Command}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("not root: it loads eBPF: %w", errors.ErrUnsupported)
	}
	if err := bpfrun.LiftMemlock(); err != nil {
		return nil, err
	}
	if l.dir, err = os.MkdirTemp("", "p4dev-bench-"); err != nil {
		return nil, err
	}
	l.atEnd(func() error { return os.RemoveAll(l.dir) })
	bpf, err := wires.NewBPFFS()
	if err != nil {
		return nil, err
	}
	l.atEnd(bpf.Close)
	l.place = swfallback.Place{BPF: bpf.Root(), Run: l.dir}
	l.atEnd(stayOn(runtime.NumCPU() - 1))
	return l, nil
}

// stayOn keeps the calling goroutine on one CPU and returns what ends that.
func stayOn(cpu int) func() error {
	runtime.LockOSThread()
	var before, one unix.CPUSet
	err := unix.SchedGetaffinity(0, &before)
	one.Set(cpu)
	err = errors.Join(err, unix.SchedSetaffinity(0, &one))
	return func() error {
		defer runtime.UnlockOSThread()
		return errors.Join(err, unix.SchedSetaffinity(0, &before))
	}
}

func (l *lab) atEnd(f func() error) { l.ends = append(l.ends, f) }

func (l *lab) close() error {
	var errs []error
	for _, f := range slices.Backward(l.ends) {
		errs = append(errs, f())
	}
	l.ends = nil
	return errors.Join(errs...)
}

// compile compiles a program of testdata/bench. Without clang or libbpf's headers it is errors.ErrUnsupported.
func (l *lab) compile(name string) (*ebpf.CollectionSpec, error) {
	object := filepath.Join(l.dir, name+".o")
	if err := l.clang(name+".bpf.c", object, "-g", "-target", "bpf", "-mcpu=v3", "-I/usr/include/"+runtimeTriple(), "-c"); err != nil {
		return nil, err
	}
	return ebpf.LoadCollectionSpec(object)
}

// clang compiles a source of testdata/bench with optimisation. Without clang or headers it is errors.ErrUnsupported.
func (l *lab) clang(source, to string, flags ...string) error {
	if err := os.CopyFS(l.dir, yardsticks.FS); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	clang, err := exec.LookPath("clang")
	if err != nil {
		return fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, clang, append(flags, "-O2", "-o", to, filepath.Join(l.dir, "c", source))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %w: %s: %w", source, err, strings.TrimSpace(string(out)), errors.ErrUnsupported)
	}
	return nil
}

// runtimeTriple is the folder of Debian's multi-architecture headers.
func runtimeTriple() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}

// yardstick compiles and loads a program, which change may adapt before; nil: as it is.
func (l *lab) yardstick(name string, change func(*ebpf.CollectionSpec) error) (*ebpf.Collection, error) {
	spec, err := l.compile(name)
	if err != nil {
		return nil, err
	}
	if change != nil {
		if err := change(spec); err != nil {
			return nil, fmt.Errorf("adapt %s: %w", name, err)
		}
	}
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	l.atEnd(func() error { c.Close(); return nil })
	return c, nil
}

// target is p4dev's side: an attached program and its maps.
type target struct {
	*swfallback.Fallback
	program *ebpf.Program
	maps    map[string]*ebpf.Map
}

// sourceOf returns the source of one of p4dev's own programs.
func sourceOf(name string) (swfallback.Source, error) {
	var s swfallback.Source
	var err error
	if s.JSON, err = p4.FS.ReadFile(name + ".json"); err == nil {
		s.P4Info, err = p4.FS.ReadFile(name + ".p4info.txtpb")
	}
	return s, err
}

// attach loads a program without ports; test runs come in on port 1, and all ports lead to the loopback.
func (l *lab) attach(ctx context.Context, p *pipeline.Program, options bpfgen.Options, ports map[uint32]string) (*target, error) {
	l.serial++
	cfg := swfallback.Config{Name: fmt.Sprintf("bench%d", l.serial), Program: p, Place: l.place, Options: options, Ports: ports}
	if len(ports) == 0 { // as a program has that is attached to two ports
		cfg.Options.Ports = map[uint32]int{1: loopback, 2: loopback + 1}
	}
	f, err := swfallback.Attach(ctx, cfg)
	if err != nil {
		return nil, err
	}
	l.atEnd(f.Detach)
	dp, err := bpfrun.Open(filepath.Join(l.place.BPF, "p4dev", cfg.Name, "pipeline"))
	if err != nil {
		return nil, err
	}
	l.atEnd(dp.Close)
	t := &target{Fallback: f, program: dp.Programs[bpfgen.ProgramXDP], maps: dp.Maps}
	if len(ports) > 0 {
		return t, nil
	}
	if m := t.maps["port_of"]; m != nil {
		value := make([]byte, m.ValueSize())
		copy(value[4*loopback:], words(2)) // port 1
		err = m.Put(uint32(0), value)
	}
	for port := uint32(1); port <= 2 && err == nil; port++ {
		err = t.maps["ports"].Put(port, uint32(loopback))
	}
	return t, err
}

// cpus is how many CPUs there are.
func (l *lab) cpus() int { return runtime.NumCPU() }

// indexOf returns the index of a device in the calling thread's network namespace.
func indexOf(name string) (int, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	return device.Index, nil
}

// describeMachine fills in what the figures depend on.
func describeMachine(r *Report) {
	r.CPUs = runtime.NumCPU()
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		r.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			r.CPU = strings.TrimLeft(strings.TrimSpace(name), ": \t")
			break
		}
	}
}

// words writes numbers as little-endian u32.
func words(v ...uint32) []byte {
	var b []byte
	for _, w := range v {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}
