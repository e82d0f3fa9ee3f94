package offload

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// SoftwareTarget holds all entries but pinned ones, and answers every packet that the hardware hands over. The
// methods have the meanings of docs/architecture.md. Entries keep their SkipHW flag, and come back in the order
// of their insertion where the target knows it.
type SoftwareTarget interface {
	Insert(...*pipeline.Entry) error
	Modify(...*pipeline.Entry) error
	Delete(...*pipeline.Entry) error
	SetDefault(*pipeline.Table, *pipeline.ActionCall) error
	Default(*pipeline.Table) (*pipeline.ActionCall, error)
	Entries(*pipeline.Table) ([]pipeline.EntryState, error)
	ReadCounter(*pipeline.Counter, int) (pipeline.Count, error)
}

// HardwareTarget holds the entries that the manager places in a device.
//
// An error that wraps a sentinel of firmware/pipeline or errors.ErrUnsupported is the device's refusal of an
// entry; any other means that nobody knows whether the write was done.
type HardwareTarget interface {
	// InsertEach adds entries, each on its own and in no order that counts. It returns one error per entry, nil
	// where it was added.
	InsertEach(...*pipeline.Entry) []error
	// Modify replaces actions and data. After an error some may have been replaced.
	Modify(...*pipeline.Entry) error
	// Delete removes entries by match and priority, in no order that counts. After an error some may be gone.
	Delete(...*pipeline.Entry) error
	// SetDefault writes a table's default entry, from which on a miss runs it. A nil call takes it back: a
	// miss then hands the packet to the host.
	SetDefault(*pipeline.Table, *pipeline.ActionCall) error
	// Default returns what SetDefault wrote; nil where a miss hands the packet to the host.
	Default(*pipeline.Table) (*pipeline.ActionCall, error)
	// Entries returns what the device holds, pinned entries with SkipSW set.
	Entries(*pipeline.Table) ([]pipeline.EntryState, error)
	ReadCounter(*pipeline.Counter, int) (pipeline.Count, error)
	// Capability says what the device can hold of a table.
	Capability(*pipeline.Table) Capability
	// Clear makes the device hand every packet to the host: it takes back all default entries and then removes
	// all entries that can be removed, whatever program runs there.
	Clear() error
}

// Capability is what a device advertises for one table.
type Capability struct {
	Holds bool // the table is there, with match kinds that fit
	// Listed reports that the table is there, if only to run its default action: without entries it is complete.
	Listed bool
	Size   int    // most entries; 0: not stated
	Why    string // where Holds is false
}
