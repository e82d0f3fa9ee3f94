package p4rt

import (
	"context"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Target holds the entries of one program: an interpreter, the software target, a device, or the manager over
// both. Its methods have the meanings of docs/architecture.md, "Entries: one set of methods for every target",
// and report the sentinels of firmware/pipeline. A Server never calls them while another write is going on, but
// several reads may run at once.
//
// Insert gets several entries at a time where a client sends them so; if it refuses them, the server tries them
// one by one. SetDefault also gets a call that equals the program's own constant default action: a device then
// knows that the table is complete (docs/architecture.md, "One packet"); a target to which this means nothing
// may return pipeline.ErrImmutable.
type Target interface {
	Insert(...*pipeline.Entry) error
	Modify(...*pipeline.Entry) error
	Delete(...*pipeline.Entry) error
	SetDefault(*pipeline.Table, *pipeline.ActionCall) error
	Default(*pipeline.Table) (*pipeline.ActionCall, error)
	Entries(*pipeline.Table) ([]pipeline.EntryState, error)
	ReadCounter(*pipeline.Counter, int) (pipeline.Count, error)
}

// Configurer is implemented by a Target that takes a new program at run time. Without it
// SetForwardingPipelineConfig is UNIMPLEMENTED, as the specification provides for devices that are loaded by
// other means.
type Configurer interface {
	// Verify reports whether the target can run the configuration, and changes nothing.
	Verify(context.Context, *p4v1.ForwardingPipelineConfig) error
	// Commit runs the configuration; all entries are gone.
	Commit(context.Context, *p4v1.ForwardingPipelineConfig) (*Pipeline, error)
}

// Pipeline is the program that a Server works on.
type Pipeline struct {
	Schema *Schema
	// DeviceConfig is returned as p4_device_config; nil where the target keeps it to itself.
	DeviceConfig []byte
	// Cookie is returned verbatim; nil: unset.
	Cookie *uint64
}
