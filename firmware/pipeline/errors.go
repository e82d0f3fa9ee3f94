package pipeline

import "errors"

// Errors that every target of entries shares. They are wrapped with the table and the entry; test with
// errors.Is.
var (
	ErrNoTable    = errors.New("no such table")
	ErrNoObject   = errors.New("no such object")
	ErrNoAction   = errors.New("no such action in this table")
	ErrBadMatch   = errors.New("match does not fit the key")
	ErrBadAction  = errors.New("action does not fit the table")
	ErrBadRange   = errors.New("value out of range")
	ErrExists     = errors.New("entry exists")
	ErrNotFound   = errors.New("entry not found")
	ErrTableFull  = errors.New("table full")
	ErrImmutable  = errors.New("table is immutable")
	ErrNoPriority = errors.New("entry needs a priority above 0")
)
