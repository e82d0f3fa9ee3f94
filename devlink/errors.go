package devlink

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// Errors that callers compare with errors.Is.
var (
	// ErrDeviceGone reports that the named device or port does not exist (any more): the kernel answered ENODEV. It
	// is also an fs.ErrNotExist.
	ErrDeviceGone = fmt.Errorf("device is gone: %w", fs.ErrNotExist)

	// ErrNoDevlink reports that the endpoint has no devlink family. It is also an errors.ErrUnsupported and an
	// fs.ErrNotExist.
	ErrNoDevlink error = noDevlinkError{}

	// ErrInterrupted reports that a dump changed while it was read, every time it was tried.
	ErrInterrupted = errors.New("dump interrupted by changes")

	// ErrLost reports that notifications were dropped before they could be read.
	ErrLost = errors.New("notifications lost")

	// ErrClosed reports a call on a closed Client.
	ErrClosed = fmt.Errorf("client %w", fs.ErrClosed)

	// ErrMalformed reports bytes from the endpoint that do not follow the protocol.
	ErrMalformed = errors.New("malformed message")
)

// noDevlinkError is the type of ErrNoDevlink, which stands for two standard sentinels at once.
type noDevlinkError struct{}

func (noDevlinkError) Error() string {
	return "this kernel has no devlink (CONFIG_NET_DEVLINK is off or no driver that needs it is loaded)"
}

// Unwrap makes errors.Is match both sentinels.
func (noDevlinkError) Unwrap() []error { return []error{errors.ErrUnsupported, fs.ErrNotExist} }

// Linux's error numbers, which is what arrives whatever the host: the peer may be a simulated kernel.
const (
	errnoEPERM      syscall.Errno = 1
	errnoENOENT     syscall.Errno = 2
	errnoEAGAIN     syscall.Errno = 11
	errnoEACCES     syscall.Errno = 13
	errnoEEXIST     syscall.Errno = 17
	errnoENODEV     syscall.Errno = 19
	errnoENOSYS     syscall.Errno = 38
	errnoEOPNOTSUPP syscall.Errno = 95
	errnoENOBUFS    syscall.Errno = 105
)

// An OpError is a request that the kernel answered with an error number.
type OpError struct {
	// Op is what was asked, as words: "flash device", "read region p4-pipeline".
	Op string
	// Device is the device asked, or the zero Handle where all were.
	Device Handle
	// Errno is the kernel's error number, positive, in Linux's numbering.
	Errno syscall.Errno
	// Message is the driver's or the kernel's own explanation (extended acknowledgement), or empty.
	Message string
	// Offset is the position in bytes of the attribute that was refused, counted from the start of the request's
	// netlink header, or 0 where the kernel named none.
	Offset int
}

// Error returns operation, device, the kernel's explanation where there is one, and the error number's text.
func (e *OpError) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if !e.Device.IsZero() {
		b.WriteString(" of ")
		b.WriteString(e.Device.String())
	}
	b.WriteString(": ")
	if e.Message != "" {
		b.WriteString(e.Message)
		b.WriteString(": ")
	}
	b.WriteString(e.Errno.Error())
	if e.Offset > 0 {
		fmt.Fprintf(&b, " (attribute at byte %d of the request)", e.Offset)
	}
	return b.String()
}

// Unwrap returns the error number.
func (e *OpError) Unwrap() error { return e.Errno }

// Is matches the sentinel that the error number stands for in Linux's numbering: ErrDeviceGone, fs.ErrNotExist,
// fs.ErrExist, fs.ErrPermission and errors.ErrUnsupported.
func (e *OpError) Is(target error) bool {
	switch e.Errno {
	case errnoENODEV:
		return target == ErrDeviceGone || target == fs.ErrNotExist
	case errnoENOENT:
		return target == fs.ErrNotExist
	case errnoEEXIST:
		return target == fs.ErrExist
	case errnoEPERM, errnoEACCES:
		return target == fs.ErrPermission
	case errnoEOPNOTSUPP, errnoENOSYS:
		return target == errors.ErrUnsupported
	}
	return false
}

// wrap makes an error ready for the caller of an exported method: it adds the package's prefix, and the operation and
// device where err does not name them itself.
func wrap(req *request, err error) error {
	var op *OpError
	switch {
	case errors.As(err, &op):
		return fmt.Errorf("devlink: %w", err)
	case req.device.IsZero():
		return fmt.Errorf("devlink: %s: %w", req.op, err)
	}
	return fmt.Errorf("devlink: %s of %s: %w", req.op, req.device, err)
}

// isLost reports whether an endpoint's error means lost notifications: ErrLost, or the socket's own ENOBUFS.
func isLost(err error) bool { return errors.Is(err, ErrLost) || errors.Is(err, syscall.ENOBUFS) }
