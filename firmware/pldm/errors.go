package pldm

import (
	"errors"
	"fmt"
)

// Causes that a FormatError wraps where a caller may want to tell them apart.
var (
	// ErrNotPLDM: the file does not begin with a package identifier of DSP0267.
	ErrNotPLDM = errors.New("not a PLDM firmware package")
	// ErrChecksum: the header's checksum is not that of its bytes.
	ErrChecksum = errors.New("checksum does not match")
	// ErrOverlap: two components, or a component and the header, claim the same bytes.
	ErrOverlap = errors.New("overlap")
)

// FormatError says what is wrong with a package and where.
type FormatError struct {
	Offset  int64  // of the field, in bytes from the start of the file
	Section string // the part of the package and the field in it: "record 0 descriptor 1: length"
	Err     error
}

// Error returns "SECTION at byte OFFSET: CAUSE".
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s at byte %d: %v", e.Section, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }
