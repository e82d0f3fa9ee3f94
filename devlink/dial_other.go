//go:build !linux

package devlink

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Dial fails: only Linux has devlink. New and DialUnix work on every system.
func Dial(context.Context, ...Option) (*Client, error) {
	return nil, fmt.Errorf("devlink: dial kernel: not implemented on %s/%s: %w", runtime.GOOS, runtime.GOARCH,
		errors.ErrUnsupported)
}

// DialKernel fails, as Dial does.
func DialKernel(context.Context) (Endpoint, error) {
	return nil, fmt.Errorf("open generic netlink socket: not implemented on %s/%s: %w", runtime.GOOS, runtime.GOARCH,
		errors.ErrUnsupported)
}
