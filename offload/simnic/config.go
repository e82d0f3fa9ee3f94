package simnic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Numbers of P4 ports that are not interfaces (docs/architecture.md, "One packet").
const (
	HostPort       = 509
	ControllerPort = 510
	DropPort       = 511
)

// MaxPorts is the most ports that a NIC has.
const MaxPorts = 64

// Config is what a NIC is made of.
type Config struct {
	Bus, Dev string         // devlink handle
	Driver   string         // empty: "p4sim"
	Serial   string         // empty: "P4SIM0001"
	PCI      firmware.PCIID // with Driver, what a package's device records are compared with; may be zero
	Ports    []PortConfig   // P4 ports 1, 2, ...; 1 to MaxPorts
	Limits   Limits
	// DeviceID is the agent's P4Runtime device identifier; 0: 1.
	DeviceID uint64
	Log      *slog.Logger // nil: silent
}

// PortConfig names the two network devices of a port. They are made by New and vanish with Close, or with the
// process. A namespace is the path of a file, such as /run/netns/NAME or /proc/PID/ns/net; empty: the calling
// thread's.
type PortConfig struct {
	Host, HostNamespace string
	Wire, WireNamespace string
	HostAddr, WireAddr  net.HardwareAddr // nil: chosen by the kernel
}

// Limits are what the device cannot do. The zero value is a device without limits.
type Limits struct {
	// Entries is the most entries per table, by the table's name; "default" is for all others. A table never
	// holds more than the program says.
	Entries map[string]int `json:"entries,omitempty"`
	// Kinds are the match kinds that a table's memory can do ("exact", "lpm", "ternary", "range", "optional"), by
	// the table's name or "default". A table with a key of another kind has room for nothing.
	Kinds map[string][]string `json:"kinds,omitempty"`
	// Headers are the header types or instances that the parser knows; nil: all. A packet with another one is a
	// miss.
	Headers []string `json:"headers,omitempty"`
	// Actions are those that the device cannot run.
	Actions []string `json:"unsupported_actions,omitempty"`
	// PacketsPerSecond bounds what the pipeline takes; 0: no bound. The excess goes to the host.
	PacketsPerSecond int         `json:"packets_per_second,omitempty"`
	Flash            FlashLimits `json:"flash,omitzero"`
	Faults           Faults      `json:"faults,omitzero"`
}

// FlashLimits say how long a load takes.
type FlashLimits struct {
	Milliseconds         int `json:"milliseconds,omitempty"` // to write the image
	Steps                int `json:"steps,omitempty"`        // progress reports on the way; 0: 16
	ActivateMilliseconds int `json:"activate_milliseconds,omitempty"`
	// Reload says that a written program runs only after reload fw_activate; without, it runs at once.
	Reload bool `json:"reload,omitempty"`
	// NoReset says that activation keeps up the traffic where the limit no_reset asks for it. Without, packets
	// go to the host while the device activates.
	NoReset bool `json:"no_reset,omitempty"`
}

// Faults are what goes wrong.
type Faults struct {
	Source     string `json:"source,omitempty"`            // source tag to report in place of the package's
	FailsAt    int    `json:"flash_fails_at,omitempty"`    // percent of every flash; 0: never
	VanishesAt int    `json:"flash_vanishes_at,omitempty"` // percent of the first flash; 0: never
	BadRegion  bool   `json:"other_pipeline,omitempty"`    // the region holds other bytes than were loaded
	BadTables  bool   `json:"other_dpipe_table,omitempty"` // dpipe lists a table that the program does not have
}

// ReadLimits reads limits from a JSON file. Members that are not known are an error.
func ReadLimits(path string) (Limits, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Limits{}, fmt.Errorf("simnic: read limits: %w", err)
	}
	var l Limits
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err = d.Decode(&l); err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err == nil {
		err = l.validate()
	}
	if err != nil {
		return Limits{}, fmt.Errorf("simnic: read limits: %s: %w", path, err)
	}
	return l, nil
}

func (l *Limits) validate() error {
	var errs []error
	for name, n := range l.Entries {
		if n < 0 {
			errs = append(errs, fmt.Errorf("entries of %s: %d", name, n))
		}
	}
	known := []string{"exact", "lpm", "ternary", "range", "optional", "valid"}
	for name, kinds := range l.Kinds {
		for _, k := range kinds {
			if !slices.Contains(known, k) {
				errs = append(errs, fmt.Errorf("kinds of %s: no match kind %q", name, k))
			}
		}
	}
	for what, n := range map[string]int{"packets_per_second": l.PacketsPerSecond, "flash.milliseconds": l.Flash.Milliseconds,
		"flash.steps": l.Flash.Steps, "flash.activate_milliseconds": l.Flash.ActivateMilliseconds} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s: %d", what, n))
		}
	}
	for what, n := range map[string]int{"flash_fails_at": l.Faults.FailsAt, "flash_vanishes_at": l.Faults.VanishesAt} {
		if n < 0 || n > 100 {
			errs = append(errs, fmt.Errorf("faults.%s: %d percent", what, n))
		}
	}
	return errors.Join(errs...)
}

// room is the most entries that a table can hold.
func (l *Limits) room(t *pipeline.Table) int {
	if !l.canMatch(t) {
		return 0
	}
	n, ok := l.Entries[t.Name]
	if !ok {
		n, ok = l.Entries["default"]
	}
	if !ok || t.Size < n {
		return t.Size
	}
	return n
}

// canMatch reports whether the table's memory can do all kinds of its keys. A validity bit is exact.
func (l *Limits) canMatch(t *pipeline.Table) bool {
	kinds, ok := l.Kinds[t.Name]
	if !ok {
		kinds, ok = l.Kinds["default"]
	}
	return !ok || !slices.ContainsFunc(t.Keys, func(k *pipeline.Key) bool {
		kind := k.Kind
		if kind == pipeline.MatchValid {
			kind = pipeline.MatchExact
		}
		return !slices.Contains(kinds, kind.String())
	})
}

func (l *Limits) knowsHeader(h *pipeline.Header) bool {
	return l.Headers == nil || slices.Contains(l.Headers, h.Name) || slices.Contains(l.Headers, h.Type.Name)
}

// unknown returns what the limits name and a program does not have: "table ipv4_lmp".
func (l *Limits) unknown(p *pipeline.Program) []string {
	known := map[string]bool{"table default": true}
	for _, t := range p.Tables {
		known["table "+t.Name] = true
	}
	for _, h := range p.Headers {
		known["header "+h.Name], known["header "+h.Type.Name] = true, true
	}
	for _, a := range p.Actions {
		known["action "+a.Name] = true
	}
	named := map[string]bool{}
	for name := range l.Entries {
		named["table "+name] = true
	}
	for name := range l.Kinds {
		named["table "+name] = true
	}
	for _, name := range l.Headers {
		named["header "+name] = true
	}
	for _, name := range l.Actions {
		named["action "+name] = true
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(named)), func(name string) bool { return known[name] })
}

func (c *Config) setDefaults() {
	if c.Driver == "" {
		c.Driver = "p4sim"
	}
	if c.Serial == "" {
		c.Serial = "P4SIM0001"
	}
	if c.DeviceID == 0 {
		c.DeviceID = 1
	}
	if c.Limits.Flash.Steps == 0 {
		c.Limits.Flash.Steps = 16
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) validate() error {
	if c.Bus == "" || c.Dev == "" {
		return errors.New("no handle")
	}
	if len(c.Ports) < 1 || len(c.Ports) > MaxPorts {
		return fmt.Errorf("%d ports, want 1 to %d", len(c.Ports), MaxPorts)
	}
	return c.Limits.validate()
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }
