//go:build !linux

package bpftest

import (
	"errors"
	"fmt"
	"runtime"
)

// probe answers that nothing of it exists outside Linux.
func probe(name string) error {
	return fmt.Errorf("%s on %s: %w", name, runtime.GOOS, errors.ErrUnsupported)
}
