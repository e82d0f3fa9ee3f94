//go:build !linux

package testbed

import (
	"context"

	"github.com/p4dev/p4dev/swfallback"
)

func (r *Rivals) openKernel(context.Context, swfallback.Source, Engine, []uint32) error {
	return kernelAvailable(Kernel)
}
