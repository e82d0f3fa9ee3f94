package bpfgen

import (
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// LimitError reports a program that needs more of something than eBPF or this compiler has.
type LimitError struct {
	What   string // "stack bytes", "replicas of a group", ...
	Got    int
	Max    int
	Source pipeline.Source // where in the P4 program; zero when it is no one place
}

// Error returns "PLACE: WHAT: GOT, at most MAX".
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s%s: %d, at most %d", place(e.Source), e.What, e.Got, e.Max)
}

// UnsupportedError reports a part of P4 that this compiler does not translate. It is errors.ErrUnsupported.
type UnsupportedError struct {
	What   string
	Source pipeline.Source
}

// Error returns "PLACE: WHAT is not supported".
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s%s is not supported", place(e.Source), e.What)
}

// Is reports whether target is errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// place returns the source as a prefix of a message, or nothing.
func place(s pipeline.Source) string {
	if s.File == "" && s.Line == 0 {
		return ""
	}
	return s.String() + ": "
}
