package bpfgen

import (
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// failing are the cases that the compiler supports and gets wrong.
var failing = map[string]string{}

func TestPackets(t *testing.T) {
	requireBPF(t)
	stftest.Run(t, func(t *testing.T, p *pipeline.Program) stf.Engine {
		return newKernelEngine(t, p).engine()
	}, failing)
}
