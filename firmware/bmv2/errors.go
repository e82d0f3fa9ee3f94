package bmv2

import (
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Kinds of findings. Every ImportError wraps exactly one of them; test with errors.Is.
var (
	ErrSyntax    = errors.New("not valid JSON")
	ErrVersion   = errors.New("unsupported format version")
	ErrNesting   = errors.New("nested too deeply")
	ErrMissing   = errors.New("missing member")
	ErrType      = errors.New("wrong type of value")
	ErrRange     = errors.New("value out of range")
	ErrUnknown   = errors.New("unknown name")
	ErrDuplicate = errors.New("duplicate")
	ErrOperation = errors.New("unknown operation")
	ErrArguments = errors.New("wrong number of arguments")
	ErrKind      = errors.New("wrong kind of operand")
	ErrWidth     = errors.New("wrong width")
	ErrCycle     = errors.New("cycle")
	ErrMismatch  = errors.New("contradiction")
)

// ImportError is one finding.
type ImportError struct {
	Path   string          // JSON pointer (RFC 6901) of the offending value: "/pipelines/0/tables/3/key/0"
	Source pipeline.Source // of the nearest enclosing object that has one, else zero
	Err    error
}

// Error returns "path (file:line:column): cause"; the place in the source only where it is known.
func (e *ImportError) Error() string {
	path := e.Path
	if path == "" {
		path = "/"
	}
	if src := e.Source.String(); src != "" {
		return fmt.Sprintf("%s (%s): %v", path, src, e.Err)
	}
	return fmt.Sprintf("%s: %v", path, e.Err)
}

// Unwrap returns the cause.
func (e *ImportError) Unwrap() error { return e.Err }

// detail is a cause with its kind: the text says what is wrong, the kind is for errors.Is.
type detail struct {
	kind error
	text string
}

func (d *detail) Error() string { return d.kind.Error() + ": " + d.text }
func (d *detail) Unwrap() error { return d.kind }
