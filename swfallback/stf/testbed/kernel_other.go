//go:build !linux

package testbed

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// kernelAvailable says that there is no eBPF outside Linux.
func kernelAvailable(Engine) error {
	return fmt.Errorf("eBPF on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func openKernel(context.Context, *Outcome, swfallback.Source, *stf.Test) (stf.Engine, func() error, error) {
	return stf.Engine{}, nil, kernelAvailable(Kernel)
}
