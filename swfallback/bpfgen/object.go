package bpfgen

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Options of Compile. The zero value is what p4dev uses.
type Options struct {
	HostPort uint32 // the host's stack: XDP_PASS; 0: 509
	CPUPort  uint32 // the controller; an ordinary port, whose interface the caller puts into PortsMap; 0: 510
	DropPort uint32 // v1model's drop port; 0: 511

	MaxPorts    int // most interfaces; 0: 512
	MaxIfindex  int // interface indices are below it; 0: 4096
	MaxReplicas int // most replicas of a multicast group or clone session; 0: 64
	// MaxVariants bounds in how many versions one place of the program is compiled, each for what is known
	// about a packet on the way there. 0: chosen by the compiler.
	MaxVariants int

	// MaxPart bounds the size of one program in general form, in instructions or so; what is larger is cut into several
	// that call each other. 0: chosen by the compiler.
	MaxPart int
	// Form says how the program is compiled.
	Form Form
	// Arena puts tables into memory that program and process share, with lookup structures of p4dev's own, as far
	// as there is room. Linux 6.9.
	Arena bool
	// CPUs is how many CPUs the machine may have: with it, direct counters of tables in the arena lie there too.
	// 0: they have maps.
	CPUs int
	// CacheAbove is the number of entries above which packets remember what they found in a table of prefixes in the
	// arena. 0: chosen by the compiler.
	CacheAbove int

	// Known is what tables hold, for a program in special form that is made anew for it, beside one of the same options
	// that is loaded: it has the same maps. Only ProgramXDP is made. Needs Arena. nil: nothing is known.
	Known *Known

	// Ports are the interfaces that are P4 ports: index by port. They are part of the program's text, which does not read
	// PortOfMap then. At most MostPorts, beyond which looking there is faster; none: the program looks there.
	Ports map[uint32]int

	// Stats makes the program count the fate of packets in StatsMap.
	Stats bool
	// Verdict makes the XDP program write where each packet goes into VerdictMap, for tests: BPF_PROG_TEST_RUN
	// does not tell the target of a redirection.
	Verdict bool

	// Prefix is how many bytes into the frame the P4 packet starts, for tests: XDP has no frames shorter than an
	// Ethernet header, P4 has. What is in front stays there and is not counted.
	Prefix int

	// Trace makes the program, in general form, write its steps into the ring buffer Object.Trace.
	Trace bool

	// Dump, when set, is called with the text of the program after each stage, "xdp/lower" to "xdp/emit".
	Dump func(stage, text string)

	keep func(*fn) // for tests: sees the program before it is emitted
}

// MostPorts is how many ports pay as part of a program's text.
const MostPorts = 4

// Form is a way to compile a program.
type Form int

// The forms. Each runs the same program.
const (
	FormAuto    Form = iota // FormSpecial where it can be, else FormGeneral
	FormSpecial             // specialised for what a packet may be on each path: fast; a part of v1model
	FormGeneral             // all of v1model, in one or several programs
)

// String returns "auto", "special" or "general".
func (f Form) String() string { return [...]string{"auto", "special", "general"}[f] }

// ParseForm reads what Form.String writes.
func ParseForm(s string) (Form, error) {
	for f := FormAuto; f <= FormGeneral; f++ {
		if f.String() == s {
			return f, nil
		}
	}
	return 0, fmt.Errorf("bpfgen: parse form %q: not auto, special or general", s)
}

// PutPortOf makes an interface a P4 port in PortOfMap's value.
func (o *Object) PutPortOf(value []byte, ifindex int, port uint32) error {
	if ifindex < 0 || ifindex >= o.Options.MaxIfindex {
		return fmt.Errorf("bpfgen: interface index %d, want less than %d", ifindex, o.Options.MaxIfindex)
	}
	le.PutUint32(value[4*ifindex:], port+1)
	return nil
}

// Names of programs and maps in Object.Spec that every program of this compiler may have.
const (
	ProgramXDP = "xdp" // XDP, on every port
	ProgramTC  = "tc"  // tcx ingress, on every port; only where the program replicates packets
)

// Object is a compiled program. It is immutable and may be shared.
type Object struct {
	Program *pipeline.Program
	Options Options // with the defaults filled in

	// Spec has the programs "xdp" and, when packets can be replicated, "tc"; programs reached by tail calls
	// are "xdp_N" and "tc_N" with the program arrays "xdp_calls" and "tc_calls".
	Spec *ebpf.CollectionSpec

	// Arena is the map of tables that lie in shared memory, ArenaBytes how much of it is meant for anything; "" where
	// none do.
	Arena      string
	ArenaBytes uint64

	Tables    []*TableLayout    // by pipeline.Table.Index; nil where no map is needed
	ValueSets []*ValueSetLayout // by pipeline.ValueSet.Index
	Profiles  []*ProfileLayout  // by pipeline.ActionProfile.Index; nil where no table uses it
	Counters  map[*pipeline.Counter]*ArrayLayout
	Registers map[*pipeline.Register]*ArrayLayout
	Meters    map[*pipeline.Meter]*MeterLayout // without those of tables that never have an entry
	Multicast *ReplicaLayout                   // of multicast groups; nil when the program neither sets a group nor clones
	Clone     *ReplicaLayout                   // of clone sessions; nil when the program does not clone
	Digests   string                           // RINGBUF map of digests, see DecodeDigest; "" when the program sends none

	// PortsMap is a DEVMAP_HASH from P4 port (u32) to struct bpf_devmap_val's first member, the interface
	// index (u32).
	PortsMap string
	// PortOfMap is an ARRAY of one value, whose address programs know: by interface index below Options.MaxIfindex
	// the P4 port plus 1 as u32, 0 for interfaces that are no port, whose packets go up the stack. See PutPortOf.
	PortOfMap string
	// IfindexOfMap is a HASH from P4 port (u32) to interface index (u32), for the tc program; "" without one.
	IfindexOfMap string
	// StatsMap is a PERCPU_ARRAY by Fate of {packets, bytes u64}; "" without Options.Stats.
	StatsMap string
	// VerdictMap is an ARRAY with one Verdict {fate u32, port u32}; "" without Options.Verdict.
	VerdictMap string
	// Trace is a RINGBUF of steps, see DecodeTrace; "" without Options.Trace.
	Trace string

	form   Form
	traced *traced
	source map[string][]sourceRun // per program
	usage  map[string]ProgramSummary
}

// Fate is the index into StatsMap: what became of a packet. The order is part of the map's layout.
type Fate uint32

// The fates.
const (
	FateForwarded  Fate = iota // redirected to a port
	FateHost                   // handed up the stack because the program says so
	FateDropped                // dropped because the program says so
	FateReplicated             // handed to the tc program
	FateFailed                 // dropped because a helper refused
	NumFates
)

// LookupKind says how a table is looked up, and so how its map is filled.
type LookupKind int

// The kinds of lookups.
const (
	LookupKeyless    LookupKind = iota // no key: only the default action
	LookupHash                         // HASH: AppendKey and AppendValue
	LookupLPM                          // LPM_TRIE: AppendKey and AppendValue
	LookupClassifier                   // ARRAY_OF_MAPS with one slot: BuildClassifier
)

// String returns "keyless", "hash", "lpm" or "classifier".
func (k LookupKind) String() string {
	return [...]string{"keyless", "hash", "lpm", "classifier"}[k]
}

// TableLayout says where a table's entries are and how they are written.
type TableLayout struct {
	Table *pipeline.Table
	Kind  LookupKind
	Map   string // "" for LookupKeyless, for tables that can never have an entry, and where Written is set
	// Written is set where the program has few entries for the table and no others may come: they are part of the
	// program's text. WrittenSlot tells their slots.
	Written bool
	// DefaultMap is an ARRAY with one value, as AppendDefault writes it; "" when the default action cannot
	// change. All zero means the program's own default action (also where there is none).
	DefaultMap string
	// CounterMap is a PERCPU_ARRAY of {packets, bytes u64} by the entry's slot; slot 0 counts nothing that a
	// reader needs. "" without a direct counter, and where it lies in the arena.
	CounterMap string
	// HitMap is an ARRAY of u64 by the entry's slot: when the entry was last hit, in nanoseconds of
	// CLOCK_MONOTONIC_COARSE. "" unless the table supports time-outs.
	HitMap string
	// MeterMap is the Map of the MeterLayout of the table's direct meter, by the entry's slot; "" without one.
	MeterMap  string
	KeySize   int // of Map; of a classifier its rule's match, in bytes
	ValueSize int // of Map; of a classifier the size of a rule

	Arena *ArenaTable // where the table lies in shared memory; nil: in Map

	key     keyLayout
	call    callLayout
	profile *ProfileLayout // of a table with an action profile, else nil
	refAt   int            // of a table with an action profile: where a value has the number of member or group
}

// HasEntries reports whether the table may have entries.
func (l *TableLayout) HasEntries() bool { return l.Map != "" || l.Written }

// slots is how many entries the table may have.
func (l *TableLayout) slots() int {
	if l.Written {
		return len(l.Table.Entries)
	}
	return max(1, l.Table.Size, len(l.Table.Entries))
}

// ArrayLayout is a map that holds an array of the program: a counter or a register. Its keys are u32 indices.
type ArrayLayout struct {
	Map       string
	Len       int  // elements
	ValueSize int  // bytes: counters 16 (packets, bytes u64); registers little-endian
	PerCPU    bool // counters: one value per CPU, to be added up
}

// ReplicaLayout is a map of multicast groups or clone sessions: a HASH from group or session (u32) to a value
// that AppendReplicas writes.
type ReplicaLayout struct {
	Map       string
	ValueSize int
	Max       int // replicas
}

// Verdict is the value of VerdictMap.
type Verdict struct {
	Fate Fate
	Port uint32 // of FateForwarded
}
