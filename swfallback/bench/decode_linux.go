package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/devlink/sim/models"
)

// Sizes of the dumps.
const (
	dumpedEntries = 100_000
	dumpedPorts   = 1000
)

// A dump is something that a device shows, and how the two programs are asked for it.
type dump struct {
	label    string
	elements int    // how many there are; 0: nothing is dumped
	member   string // of the JSON of every element, in both programs
	theirs   []string
	ours     []string
}

// dumps lists what is measured; the first one is what starting takes.
func dumps(d *models.Device) []dump {
	dev, table := d.String(), d.Tables[0].Name
	return []dump{
		{label: "start", theirs: []string{"-V"}, ours: []string{"version"}},
		{"100k entries", dumpedEntries, "counter", []string{"-j", "dpipe", "table", "dump", dev, "name", table},
			[]string{"-j", "show", dev, "entries", table}},
		{"1000 ports", dumpedPorts, "netdev", []string{"-j", "port", "show"}, []string{"-j", "show", dev, "ports"}},
	}
}

// fullSwitch is a switch of mlxsw's kind with many ports and a full table of IPv4 neighbours, with counters.
func fullSwitch() *models.Device {
	d := models.MLXSW()
	d.Tables = d.Tables[1:2]
	pattern := d.Entries[d.Tables[0].Name][0]
	entries := make([]sim.DpipeEntry, dumpedEntries)
	for i := range entries {
		e, hits := pattern, uint64(i)*977
		e.Index, e.Counter = uint64(i), &hits
		e.Matches = []sim.DpipeValue{pattern.Matches[0], pattern.Matches[1]}
		e.Matches[1].Value = words(0x0a000000 + uint32(i))
		e.Actions = []sim.DpipeValue{pattern.Actions[0]}
		e.Actions[0].Value = append([]byte{2, 0}, words(uint32(i), 0)[:6]...)
		entries[i] = e
	}
	d.Entries = map[string][]sim.DpipeEntry{d.Tables[0].Name: entries}
	d.PortList = nil
	for i := range uint32(dumpedPorts) {
		d.PortList = append(d.PortList, sim.Port{Index: i + 1, Number: i + 1, Lanes: 4, Ifindex: i + 10, Ifname: fmt.Sprintf("sw1p%d", i+1)})
	}
	return d
}

// usage is what runs of a program took: CPU time in ms, and the most memory that was resident in MiB.
type usage struct{ cpu, memory []float64 }

// decodeRow lets p4dev and the devlink command show the same dumps in turns, each in a process of its own. What they ask
// is a simulated kernel in this process, which does not count.
func decodeRow(ctx context.Context, l *lab, out *Row) error {
	device := fullSwitch()
	p, err := l.newPrograms(ctx, device)
	if err != nil {
		return err
	}
	list := dumps(device)
	memory := make([]Point, len(list))
	for i, d := range list {
		if err := p.check(ctx, d); err != nil {
			return err
		}
		var ours, theirs usage
		for range l.rounds {
			if err := errors.Join(p.measure(ctx, p.devlink(d), nil, &theirs), p.measure(ctx, p.p4dev(d), nil, &ours)); err != nil {
				return err
			}
		}
		out.Points = append(out.Points, twoSided(d.label, ours.cpu, theirs.cpu))
		memory[i] = twoSided(d.label+", MiB", ours.memory, theirs.memory)
	}
	out.Points = append(out.Points, memory...)
	for _, d := range list[1:] {
		out.atMost(d.label+", CPU time, p4dev / devlink", out.point(d.label).Ratio(), 0.5)
		out.atMost(d.label+", memory, p4dev / devlink", out.point(d.label+", MiB").Ratio(), 0.5)
	}
	return inProcess(ctx, l, device, out)
}

// twoSided is a point with both samples.
func twoSided(label string, ours, yard []float64) Point {
	y := statOf(yard)
	return Point{Label: label, Ours: statOf(ours), Yard: &y}
}

// programs are the two programs, and a simulated kernel that both ask.
type programs struct {
	theirs, ours string // paths
	usage, shim  string
	socket       string
}

// newPrograms finds the programs and serves a device until the lab closes. What is missing is errors.ErrUnsupported.
func (l *lab) newPrograms(ctx context.Context, d *models.Device) (*programs, error) {
	p := &programs{ours: l.command, usage: filepath.Join(l.dir, "usage"), shim: filepath.Join(l.dir, "simlink.so"),
		socket: filepath.Join(l.dir, "sim.sock")}
	if p.ours == "" {
		return nil, fmt.Errorf("the path of p4dev is not known: %w", errors.ErrUnsupported)
	}
	var err error
	if p.theirs, err = findProgram("devlink"); err != nil {
		return nil, err
	}
	if err := l.clang("usage.c", p.usage); err != nil {
		return nil, err
	}
	if err := l.clang("simlink.c", p.shim, "-shared", "-fPIC"); err != nil {
		return nil, err
	}
	kernel := sim.New(sim.Options{})
	if err := kernel.Register(d); err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: p.socket, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- kernel.Serve(ctx, listener) }()
	l.atEnd(func() error { cancel(); return <-served })
	return p, nil
}

// findProgram returns the path of a program of the system; without it, errors.ErrUnsupported.
func findProgram(name string) (string, error) {
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no program %s here: %w", name, errors.ErrUnsupported)
}

func (p *programs) p4dev(d dump) []string {
	return append([]string{p.ours, "--endpoint", "unix:" + p.socket}, d.ours...)
}

func (p *programs) devlink(d dump) []string { return append([]string{p.theirs}, d.theirs...) }

// measure runs a program and adds what it took. The output goes nowhere where to is nil.
func (p *programs) measure(ctx context.Context, args []string, to io.Writer, u *usage) error {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, p.usage, args...)
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+p.shim, "P4DEV_SIM_SOCKET="+p.socket)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = to, &complaint, []*os.File{w}
	err = cmd.Run()
	w.Close()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", args, err, bytes.TrimSpace(complaint.Bytes()))
	}
	var us, kib int
	if _, err := fmt.Fscan(r, &us, &kib); err != nil {
		return fmt.Errorf("read what %s took: %w", args[0], err)
	}
	u.cpu, u.memory = append(u.cpu, float64(us)/1000), append(u.memory, float64(kib)/1024)
	return nil
}

// check reports an error where one of the programs does not show all of a dump.
func (p *programs) check(ctx context.Context, d dump) error {
	for _, args := range [][]string{p.devlink(d), p.p4dev(d)} {
		var out bytes.Buffer
		if err := p.measure(ctx, args, &out, new(usage)); err != nil {
			return err
		}
		n := bytes.Count(out.Bytes(), []byte(`"`+d.member+`"`))
		if d.elements > 0 && n != d.elements {
			return fmt.Errorf("%s shows %d elements of %d", args, n, d.elements)
		}
	}
	return nil
}
