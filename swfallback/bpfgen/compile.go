package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Compile compiles a program. The errors are *LimitError and *UnsupportedError, with the place in the P4
// program; nothing is left out or done differently without one.
func Compile(p *pipeline.Program, opts Options) (*Object, error) {
	return nil, &UnsupportedError{What: "everything"}
}
