package bpfgen

import (
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// failing are the cases that compile and do not pass.
var failing = map[string]string{
	"p4/load_balancer":              "BPF_PROG_TEST_RUN does not replicate",
	"p4/load_balancer_cli":          "BPF_PROG_TEST_RUN does not replicate",
	"p4/l2switch":                   "BPF_PROG_TEST_RUN does not replicate; TestPorts has it",
	"v1model/ipv6-switch-ml-bmv2":   "BPF_PROG_TEST_RUN does not replicate",
	"p4/features/selector_cli":      "the engine of these tests has no profiles; swfallback has them, and the test",
	"p4/features/value_set_cli":     "the engine of these tests has no value sets; swfallback has them, and the test",
	"p4/features/state":             "the engine of these tests does not list entries; swfallback does, and has the test",
	"p4_14/counter3":                "the engine of these tests does not list entries",
	"p4/features/replicate":         "BPF_PROG_TEST_RUN does not replicate",
	"p4_14/p414-special-ops":        "BPF_PROG_TEST_RUN does not replicate",
	"p4_14/p414-special-ops-3-bmv2": "BPF_PROG_TEST_RUN does not replicate",
}

func TestPackets(t *testing.T) {
	requireBPF(t)
	for _, form := range []Form{FormAuto, FormGeneral} {
		t.Run(form.String(), func(t *testing.T) {
			stftest.Run(t, func(t *testing.T, p *pipeline.Program) stf.Engine {
				return newKernelEngine(t, p, Options{Verdict: true, Prefix: 14, Form: form}).engine()
			}, failing)
		})
	}
}
