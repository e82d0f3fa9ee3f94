package simnic

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// NIC is a simulated NIC. Its methods may be called by any number of goroutines.
type NIC struct {
	cfg    Config
	kernel *sim.Kernel
	ports  []*port
	rate   *bucket
	count  counts
	agents agents

	mu       sync.RWMutex // guards what follows; shared by packets and calls, exclusive for changes of program
	running  *program     // nil: none
	stored   *program
	handOver bool // by the parameter: every packet goes to the host
	loading  bool // activation is going on

	closing sync.Once
	closed  error
	readers sync.WaitGroup
}

// program is a package in the device.
type program struct {
	manifest  firmware.Manifest
	model     *pipeline.Program
	p4info    []byte // binary or text, nil: none
	component []byte // the pipeline as it is stored in the package
	engine    *engine
}

// New makes the network devices of a NIC, starts forwarding and registers the device with the kernel. Without a
// program the host gets every packet. The caller ends it with Close, also where the context of its work has
// failed.
func New(k *sim.Kernel, cfg Config) (*NIC, error) {
	cfg.Ports = slices.Clone(cfg.Ports)
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("simnic: make %s/%s: %w", cfg.Bus, cfg.Dev, err)
	}
	n := &NIC{cfg: cfg, kernel: k, rate: newBucket(cfg.Limits.PacketsPerSecond)}
	err := n.start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("simnic: make %s/%s: %w", cfg.Bus, cfg.Dev, err), n.closePorts())
	}
	return n, nil
}

func (n *NIC) start() error {
	for i, c := range n.cfg.Ports {
		p, err := openPort(uint32(i+1), c)
		if err != nil {
			return fmt.Errorf("open port %d: %w", i+1, err)
		}
		n.ports = append(n.ports, p)
	}
	if at := n.cfg.Limits.Faults.VanishesAt; at > 0 {
		n.kernel.Inject(sim.Fault{Kind: sim.Vanish, Cmd: cmdFlashUpdate, Device: n.cfg.Bus + "/" + n.cfg.Dev, Nth: 1, Percent: at})
	}
	if err := n.kernel.Register(&device{n}); err != nil {
		return err
	}
	for _, p := range n.ports {
		n.readers.Go(func() { n.fromWire(p) })
		n.readers.Go(func() { n.fromHost(p) })
	}
	return nil
}

// Close takes the device out of the kernel and its network devices out of the system. It waits for a flash that
// is going on.
func (n *NIC) Close() error {
	n.closing.Do(func() {
		n.kernel.Unregister(n.cfg.Bus, n.cfg.Dev)
		n.closed = n.closePorts()
		n.readers.Wait()
	})
	return n.closed
}

func (n *NIC) closePorts() error {
	var errs []error
	for _, p := range n.ports {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// Program returns the program that runs, nil where there is none.
func (n *NIC) Program() *pipeline.Program {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.running == nil {
		return nil
	}
	return n.running.model
}

// Reason says why a packet went to the host.
type Reason int

// The reasons, in the order in which they are looked for.
const (
	Asked         Reason = iota // the parameter hand_over is set
	Loading                     // a program is being activated
	NoProgram                   // none is loaded
	TooFast                     // above the packet rate
	UnknownHeader               // the parser does not know a header
	NoEntry                     // a table had no entry, and no default entry was written
	CannotRun                   // an action that the device cannot run, or state that it cannot share
	Copies                      // the packet is to be replicated, cloned or digested
	ToHost                      // the program sent it to the host
	ToController                // the program sent it to the controller
	Failure                     // an assertion failed, or the packet went round in circles
	reasons
)

// String returns the reason in the words of the health reporter.
func (r Reason) String() string {
	names := [...]string{"asked", "loading", "no_program", "too_fast", "unknown_header", "no_entry", "cannot_run",
		"copies", "to_host", "to_controller", "failure"}
	if r < 0 || int(r) >= len(names) {
		return "unknown"
	}
	return names[r]
}

// counts are the device's packet counts.
type counts struct {
	received, hardware, dropped, noPort, fromHost, lost atomic.Uint64
	misses                                              [reasons]atomic.Uint64
}

// Stats are packet counts since New.
type Stats struct {
	Received uint64            // from the wires
	Hardware uint64            // finished by the pipeline, dropped ones among them
	Dropped  uint64            // by the program
	NoPort   uint64            // sent by the program to ports that do not exist
	FromHost uint64            // put on the wires for the host
	Lost     uint64            // that a network device did not take
	Misses   map[Reason]uint64 // handed to the host; no zero values
}

// Stats returns the counts. They are read one by one: those of packets on the way may be incomplete.
func (n *NIC) Stats() Stats {
	s := Stats{
		Received: n.count.received.Load(), Hardware: n.count.hardware.Load(), Dropped: n.count.dropped.Load(),
		NoPort: n.count.noPort.Load(), FromHost: n.count.fromHost.Load(), Lost: n.count.lost.Load(),
		Misses: map[Reason]uint64{},
	}
	for r := range reasons {
		if v := n.count.misses[r].Load(); v > 0 {
			s.Misses[r] = v
		}
	}
	return s
}
