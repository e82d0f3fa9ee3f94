package interp_test

import (
	"errors"
	"math/big"
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

func bigInt(n int64) *big.Int { return big.NewInt(n) }

// sample is an IPv4 and UDP packet cut off, or filled up, at n bytes.
func sample(n int) []byte {
	p := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xaa, 8, 0, 0x45, 0, 0, 60, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 1, 1, 1,
		4, 87, 8, 104, 0, 40, 0, 0}
	for len(p) < n {
		p = append(p, byte(len(p)))
	}
	return p[:n]
}

// FuzzPackets sends packets into every program, with the entries of its tests. Nothing may panic, and no
// assertion or loop may end a packet unless the program has one.
func FuzzPackets(f *testing.F) {
	var switches []*interp.Switch
	for _, c := range append(stftest.Own(f), optionalCases(f)...) {
		p, err := stftest.LoadProgram(c.Program)
		if err != nil {
			f.Fatal(err)
		}
		sw, err := interp.New(p, interp.Options{MaxPasses: 256})
		if err != nil {
			f.Fatal(err)
		}
		test, err := c.Load()
		if err != nil {
			f.Fatal(err)
		}
		if _, err := stf.Run(f.Context(), test, engine(sw)); err != nil {
			f.Fatalf("%s: %v", c.Name, err)
		}
		for _, s := range test.Statements {
			if s, ok := s.(*stf.Packet); ok {
				f.Add(uint16(len(switches)), uint16(s.Port), s.Data)
			}
		}
		switches = append(switches, sw)
	}
	f.Fuzz(func(t *testing.T, program, port uint16, packet []byte) {
		sw := switches[int(program)%len(switches)]
		out, err := sw.Process(uint32(port), packet)
		if err != nil && !errors.Is(err, interp.ErrLoop) {
			t.Fatal(err)
		}
		for _, o := range out {
			if o.Port == 511 {
				t.Error("a packet left through the drop port")
			}
		}
	})
}

// optionalCases are those of the corpus, where it is present.
func optionalCases(f *testing.F) []stftest.Case {
	matches, _ := filepath.Glob(filepath.Join(stftest.Root(f), "..", "shared", "conformance", "v1model"))
	if matches == nil {
		return nil
	}
	return stftest.Conformance(f)
}
