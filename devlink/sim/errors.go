package sim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Error is a failure as the kernel reports one: an errno and, in an extended acknowledgement, a text and the
// attribute that is at fault. Drivers return it to choose all three; any other error of a driver that wraps a
// syscall.Errno is reported with that errno and no text, and one that wraps none as EIO with its text.
type Error struct {
	Errno   syscall.Errno
	Message string // empty: none
	Attr    uint16 // type of the request's attribute that is at fault, 0: none
	Missing uint16 // type of the attribute that the request lacks, 0: none

	offset int // of the attribute at fault in the request, 0: none
}

// Error returns the text in front of the errno.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Errno.Error()
	}
	return fmt.Sprintf("%s: %v", e.Message, e.Errno)
}

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

// toError gives any error of a driver an errno.
func toError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return &Error{Errno: errno}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Errno: syscall.ENOENT}
	case errors.Is(err, context.Canceled):
		return &Error{Errno: syscall.ECANCELED}
	case errors.Is(err, errors.ErrUnsupported):
		return &Error{Errno: syscall.EOPNOTSUPP}
	}
	return &Error{Errno: syscall.EIO, Message: err.Error()}
}

func missing(typ uint16) error { return &Error{Errno: syscall.EINVAL, Missing: typ} }

func extack(errno syscall.Errno, msg string) error { return &Error{Errno: errno, Message: msg} }
