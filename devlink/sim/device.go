package sim

import "context"

// Device is a device with its driver. The core calls its methods, and those of the optional interfaces, with
// the instance lock held: never two at a time for one device. A method that takes a context must return soon
// after the context is done.
type Device interface {
	// Handle returns bus and device name: "pci" and "0000:01:00.0".
	Handle() (bus, dev string)
	// Driver returns the driver's name, which the core puts into the information; empty: none.
	Driver() string
}

// InfoGetter reports identity and versions.
type InfoGetter interface {
	Info() (Info, error)
}

// Info is what a driver reports in devlink dev info.
type Info struct {
	// Driver is the driver's name where it reports it itself, as all did before Linux 6.2; [Device].Driver is empty then.
	Driver      string
	Serial      string
	BoardSerial string
	Versions    []Version
}

// VersionKind says what a version is of.
type VersionKind int

// The kinds of versions.
const (
	Fixed   VersionKind = iota // of hardware
	Running                    // now in use
	Stored                     // in flash, used after activation
)

// Version is one version of a device. Component says that its name may be given to a flash update
// (DEVLINK_INFO_VERSION_TYPE_COMPONENT). One with an empty value is not reported but counts as a component.
type Version struct {
	Kind      VersionKind
	Name      string
	Value     string
	Component bool
}

// Flasher accepts firmware.
type Flasher interface {
	// Flash writes the image. It reports progress through status and gives up with the error that status
	// returns, if any.
	Flash(ctx context.Context, p FlashParams, status func(FlashStatus) error) error
}

// OverwriteFlasher is a Flasher that accepts an overwrite mask.
type OverwriteFlasher interface {
	Flasher
	FlashOverwrites() bool
}

// FlashParams is what is to be flashed.
type FlashParams struct {
	File      string // name as requested, relative to the firmware path
	Image     []byte // the file, not to be changed
	Component string // empty: the whole device
	Overwrite uint32 // sections that may be overwritten: bit 0 settings, bit 1 identifiers
}

// FlashStatus is one progress notification.
type FlashStatus struct {
	Message   string
	Component string
	Done      uint64
	Total     uint64 // 0: not known
	Timeout   uint64 // seconds until the step is expected to end, 0: not announced
}

// ReloadAction is an enum devlink_reload_action.
type ReloadAction uint8

// The reload actions.
const (
	DriverReinit ReloadAction = 1
	FwActivate   ReloadAction = 2
)

// ReloadLimit is an enum devlink_reload_limit.
type ReloadLimit uint8

// The reload limits.
const (
	LimitNone    ReloadLimit = 0
	LimitNoReset ReloadLimit = 1
)

// Reloader re-initializes its driver or activates firmware.
type Reloader interface {
	// ReloadActions returns the supported actions and the limits beside LimitNone.
	ReloadActions() ([]ReloadAction, []ReloadLimit)
	// Reload performs an action and returns all that were performed by it, the asked one among them.
	Reload(ctx context.Context, action ReloadAction, limit ReloadLimit) ([]ReloadAction, error)
}

// Porter has ports.
type Porter interface {
	Ports() []Port
}

// Port is a devlink port. Of type Ethernet, unless it has no netdev.
type Port struct {
	Index   uint32
	Flavour uint16 // DEVLINK_PORT_FLAVOUR_*; 0: physical
	Number  uint32 // of a physical port
	Lanes   uint32 // 0: not reported
	Ifindex uint32 // of the netdev, 0: none
	Ifname  string
}

// Piper describes its match-action pipeline.
type Piper interface {
	// DpipeHeaders returns nil where the driver registered none. A field's identifier is its place in Fields.
	DpipeHeaders() []DpipeHeader
	DpipeTables() []DpipeTable
	// DpipeEntries returns a table's entries; counters tells whether their counters are wanted.
	DpipeEntries(table string, counters bool) ([]DpipeEntry, error)
}

// DpipeHeader is a header with its fields.
type DpipeHeader struct {
	ID     uint32
	Name   string
	Global bool // one of the headers that the core defines
	Fields []DpipeField
}

// DpipeField is one field of a header.
type DpipeField struct {
	Name    string
	Width   uint32 // bits
	Mapping uint32 // DEVLINK_DPIPE_FIELD_MAPPING_TYPE_*; 1: the value is an interface index
}

// DpipeFieldRef names a field: of the header with the identifier, the field at Field, in the Index-th instance
// of the header. It is a match with type exact and an action with type modify alike.
type DpipeFieldRef struct {
	Header uint32
	Global bool
	Index  uint32
	Field  uint32
}

// DpipeTable is a match-action table.
type DpipeTable struct {
	Name     string
	Size     uint64 // entries
	Matches  []DpipeFieldRef
	Actions  []DpipeFieldRef
	Resource uint64 // identifier, 0: not linked
	Units    uint64 // of the resource that an entry takes
	// Counters is the initial state of the counters, off for a table that nobody has touched; NoCounterControl refuses to
	// change it.
	Counters         bool
	NoCounterControl bool
	NoEntries        bool // entries cannot be dumped
}

// DpipeEntry is an entry of a table.
type DpipeEntry struct {
	Index   uint64
	Counter *uint64
	Matches []DpipeValue
	Actions []DpipeValue
}

// DpipeValue is a field with a value. Value and Mask are sent as they are and have the same length; Mask may
// be nil.
type DpipeValue struct {
	Field   DpipeFieldRef
	Value   []byte
	Mask    []byte
	Mapping *uint32
}

// Resourcer has a tree of resources.
type Resourcer interface {
	Resources() []Resource
}

// ResourceSizer is told of sizes that were set, before the driver is re-initialized.
type ResourceSizer interface {
	// SetResourceSize reports whether the driver has taken up the size; the core keeps it for later where it has not.
	SetResourceSize(id, size uint64) bool
}

// Resource is a resource of a device, in entries.
type Resource struct {
	ID          uint64 // not 0
	Name        string
	Size        uint64
	Min, Max    uint64
	Granularity uint64        // 0: 1
	Occupancy   func() uint64 // nil: not reported
	Children    []Resource
}

// Regioner has regions of memory.
type Regioner interface {
	Regions() []Region
}

// Region is an address region of a device.
type Region struct {
	Name         string
	Size         uint64 // bytes
	MaxSnapshots uint32
	Life         uint32 // another one where the driver has registered the region anew: its snapshots are gone then
	// Snapshot returns Size bytes for the core to keep; nil: not supported.
	Snapshot func() ([]byte, error)
	// Read fills p with the bytes at offset; nil: no direct read. The core keeps offset and length in bounds.
	Read func(offset uint64, p []byte) error
}

// CMode is an enum devlink_param_cmode.
type CMode uint8

// The configuration modes of parameters.
const (
	CModeRuntime CMode = iota
	CModeDriverinit
	CModePermanent
)

// ParamType is the type of a parameter's value, as the wire has it.
type ParamType uint8

// The types of parameters, each with the Go type of its values.
const (
	ParamU8     ParamType = varU8     // uint8
	ParamU16    ParamType = varU16    // uint16
	ParamU32    ParamType = varU32    // uint32
	ParamU64    ParamType = varU64    // uint64
	ParamString ParamType = varString // string
	ParamBool   ParamType = varFlag   // bool
)

// Paramer has parameters.
type Paramer interface {
	Params() []Param
	// SetParam sets a value of the parameter's type.
	SetParam(name string, mode CMode, value any) error
}

// Param is a configuration parameter with a value per supported mode.
type Param struct {
	Name    string
	Generic bool
	Type    ParamType
	Values  map[CMode]any
	// Defaults are the values that a reset to the default brings back, reported since Linux 6.19; nil: not reported.
	Defaults map[CMode]any
}

// HealthReporters has health reporters.
type HealthReporters interface {
	Reporters() []Reporter
}

// Reporter is a health reporter. A nil function means that the operation is not supported.
type Reporter struct {
	Name     string
	Port     *uint32 // index of the port that it belongs to; nil: the device
	Diagnose func(*Fmsg) error
	Dump     func(*Fmsg) error
	Recover  func() error
	Test     func() error
	// GracePeriod is the least time between two recoveries at first, in ms.
	GracePeriod uint64
}

// Trapper has packet traps.
type Trapper interface {
	Traps() []Trap
}

// TrapSetter is a Trapper whose traps' actions can be set.
type TrapSetter interface {
	Trapper
	SetTrap(name string, action uint8) error
}

// TrapGroupSetter is a Trapper whose groups can be bound to another policer; nil: to none.
type TrapGroupSetter interface {
	Trapper
	SetTrapGroup(name string, policer *uint32) error
}

// TrapPolicer has policers of trap groups.
type TrapPolicer interface {
	Policers() []Policer
	// GroupPolicer returns the number of a group's policer; nil: it has none.
	GroupPolicer(group string) *uint32
	SetPolicer(id uint32, rate, burst uint64) error
}

// Policer bounds what trap groups give to the CPU. Rate is in packets per second, Burst in packets.
type Policer struct {
	ID                 uint32 // not 0
	Rate, Burst        uint64
	MinRate, MaxRate   uint64
	MinBurst, MaxBurst uint64
	// Dropped is asked for the dropped packets, whenever a message of the policer is made; nil: not counted.
	Dropped func() uint64
}

// Selftester can test itself.
type Selftester interface {
	// Selftests returns the tests that there are, by their number (enum devlink_attr_selftest_id); nil: the driver has no
	// tests at all.
	Selftests() []uint32
	// Selftest runs one and returns how it went (enum devlink_selftest_status).
	Selftest(id uint32) uint8
}

// Trap is a packet trap.
type Trap struct {
	Name    string
	Group   string
	Generic bool
	Type    uint8 // DEVLINK_TRAP_TYPE_*
	Action  uint8 // DEVLINK_TRAP_ACTION_*
	InPort  bool  // reports the input port
	Cookie  bool  // reports the cookie of the flow action that dropped the packet
	Packets uint64
	Bytes   uint64
	// Dropped is asked for the packets that the device dropped, whenever a message of the trap is made; nil: not counted.
	Dropped func() uint64
}
