//go:build !linux

package testbed

import (
	"context"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// kernelSide does not exist outside Linux.
type kernelSide struct{ lan bool }

// lanWire is no wire here.
type lanWire struct{ stf.Wire }

func (*lanWire) known() []uint32 { return nil }

func newKernelSide(context.Context, swfallback.Source, *pipeline.Program, Engine, []uint32) (*kernelSide, error) {
	return nil, kernelAvailable(Kernel)
}

func (*kernelSide) open(context.Context) (*side, func() error, error) {
	return nil, nil, kernelAvailable(Kernel)
}

func (*kernelSide) close() error { return nil }
