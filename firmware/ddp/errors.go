package ddp

import (
	"errors"

	"github.com/p4dev/p4dev/firmware/pldm"
)

// FormatError says what is wrong with a package and where: byte offset, section, cause.
type FormatError = pldm.FormatError

// Errors that callers tell apart; they come wrapped.
var (
	// ErrNotDDP: the bytes do not begin as a DDP package does.
	ErrNotDDP = errors.New("not a DDP package")
	// ErrNoConfig: the package has no configuration segment of the kind that was asked for.
	ErrNoConfig = errors.New("no such configuration segment")
	// ErrNoParser: the configuration lacks tables that a parser cannot do without.
	ErrNoParser = errors.New("no parser in the configuration")
)
