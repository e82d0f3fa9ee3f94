package interp_test

import (
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// failing are the packet tests that the engine fails, with the reason.
var failing = map[string]string{
	"p4_14/counter3": "the test counts 4 bytes more for each packet than BMv2 does",
}

func TestPackets(t *testing.T) { stftest.Run(t, open, failing) }

func open(t *testing.T, p *pipeline.Program) stf.Engine {
	sw, err := interp.New(p, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return engine(sw)
}

func engine(sw *interp.Switch) stf.Engine {
	return stf.Engine{Program: sw.Program(), Target: sw, Wire: stf.Synchronous(
		func(port uint32, packet []byte) ([]stf.Received, error) {
			out, err := sw.Process(port, packet)
			var got []stf.Received
			for _, o := range out {
				got = append(got, stf.Received(o))
			}
			return got, err
		})}
}
