//go:build !linux

package testbed

import (
	"context"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/interp/tracetext"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// TraceKernel says that there is no eBPF here.
func TraceKernel(context.Context, swfallback.Source, []*stf.Test, uint32, []byte) (*tracetext.Trace, error) {
	return nil, kernelAvailable(Kernel)
}
