package swfallback

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// servicePacket is a frame of features/value_set that asks for a service; path is what the parser took for it, 2 where
// the service is listed.
func servicePacket(proto byte, port uint16) []byte {
	frame := append(make([]byte, 12), 0x09, 0x00)
	return append(frame, proto, byte(port>>8), byte(port))
}

func path(out []byte) byte { return out[1] }

// service is a member of the set: what is left out is compared exactly.
func service(proto, port pipeline.Match) []pipeline.Match { return []pipeline.Match{proto, port} }

func exactly(b ...byte) pipeline.Match { return pipeline.Match{Value: b} }

func TestValueSetMembers(t *testing.T) { bothForms(t, testValueSetMembers) }

func testValueSetMembers(t *testing.T, form bpfgen.Form) {
	f := testRuns(t, source(t, "features/value_set"), form)
	set := found[*pipeline.ValueSet](t, "services")(f.Program().ValueSetByName("vs_parser.services"))
	members := [][]pipeline.Match{
		service(exactly(6), exactly(1, 2)),
		service(pipeline.Match{Value: []byte{0x40}, Mask: []byte{0xf0}}, exactly(0, 9)),
		service(exactly(50), pipeline.Match{Value: []byte{1, 0}, High: []byte{2, 0x10}}),
		service(pipeline.Match{Value: []byte{60}, High: []byte{62}}, pipeline.Match{Value: []byte{0, 0}, Mask: []byte{0, 1}}),
	}
	must(t, f.SetValueSet(set, members))
	for _, c := range []struct {
		proto byte
		port  uint16
		want  byte
	}{
		{6, 0x102, 2}, {6, 0x103, 5}, {6, 80, 1}, {7, 0x102, 5},
		{0x40, 9, 2}, {0x4f, 9, 2}, {0x50, 9, 5}, {0x41, 8, 5},
		{50, 0xff, 5}, {50, 0x100, 2}, {50, 0x1ff, 2}, {50, 0x210, 2}, {50, 0x211, 5},
		{59, 2, 5}, {60, 2, 2}, {62, 0xfffe, 2}, {61, 3, 5}, {63, 2, 5},
	} {
		if got := path(send(t, f, servicePacket(c.proto, c.port)...)); got != c.want {
			t.Errorf("protocol %d, port %#x: path %d, want %d", c.proto, c.port, got, c.want)
		}
	}

	again := reopen(t, f)
	other := found[*pipeline.ValueSet](t, "services")(again.Program().ValueSetByName("vs_parser.services"))
	same(t, "members", found[[][]pipeline.Match](t, "members")(again.ValueSet(other)), members)
	must(t, again.SetValueSet(other, members[:1]))
	if got := path(send(t, f, servicePacket(0x40, 9)...)); got != 5 {
		t.Errorf("member taken away: path %d", got)
	}
	must(t, again.SetValueSet(other, nil))
	if got := path(send(t, f, servicePacket(6, 0x102)...)); got != 5 {
		t.Errorf("empty set: path %d", got)
	}
	if left := found[[][]pipeline.Match](t, "members")(f.ValueSet(set)); len(left) != 0 {
		t.Errorf("members of the empty set: %v", left)
	}
}

func TestValueSetRefuses(t *testing.T) { bothForms(t, testValueSetRefuses) }

func testValueSetRefuses(t *testing.T, form bpfgen.Form) {
	f := testRuns(t, source(t, "features/value_set"), form)
	set := found[*pipeline.ValueSet](t, "services")(f.Program().ValueSetByName("vs_parser.services"))
	one := service(exactly(6), exactly(1, 2))
	must(t, f.SetValueSet(set, [][]pipeline.Match{one}))
	many := make([][]pipeline.Match, set.Size+1)
	for i := range many {
		many[i] = one
	}
	for name, refused := range map[string]struct {
		members [][]pipeline.Match
		want    error
	}{
		"too many":     {many, pipeline.ErrTableFull},
		"one part":     {[][]pipeline.Match{{exactly(6)}}, pipeline.ErrBadMatch},
		"short value":  {[][]pipeline.Match{one, service(exactly(6), exactly(1))}, pipeline.ErrBadMatch},
		"no value":     {[][]pipeline.Match{service(exactly(6), pipeline.Match{High: []byte{0, 1}})}, pipeline.ErrBadMatch},
		"short mask":   {[][]pipeline.Match{service(exactly(6), pipeline.Match{Value: []byte{0, 1}, Mask: []byte{1}})}, pipeline.ErrBadMatch},
		"beyond width": {[][]pipeline.Match{service(exactly(6, 6), exactly(1, 2))}, pipeline.ErrBadMatch},
	} {
		if err := f.SetValueSet(set, refused.members); !errors.Is(err, refused.want) {
			t.Errorf("%s: %v, want %v", name, err, refused.want)
		}
	}
	if err := f.SetValueSet(nil, nil); !errors.Is(err, pipeline.ErrNoObject) {
		t.Errorf("no set: %v", err)
	}
	same(t, "members", found[[][]pipeline.Match](t, "members")(f.ValueSet(set)), [][]pipeline.Match{one})
}

// TestValueSetsChangeUnderPackets: a member that every set has is found by every packet, while the others come and go.
func TestValueSetsChangeUnderPackets(t *testing.T) { bothForms(t, testValueSetsChangeUnderPackets) }

func testValueSetsChangeUnderPackets(t *testing.T, form bpfgen.Form) {
	f := testRuns(t, source(t, "features/value_set"), form)
	set := found[*pipeline.ValueSet](t, "services")(f.Program().ValueSetByName("vs_parser.services"))
	kept, other := service(exactly(6), exactly(1, 2)), service(exactly(6), exactly(1, 3))
	must(t, f.SetValueSet(set, [][]pipeline.Match{kept}))
	run := unlocked(t, f)
	var done atomic.Bool
	ended := make(chan error, 1)
	go func() {
		defer done.Store(true)
		for range 100 {
			err := errors.Join(f.SetValueSet(set, [][]pipeline.Match{other, other, kept}), f.SetValueSet(set, [][]pipeline.Match{kept}))
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for !done.Load() {
		out, err := run(servicePacket(6, 0x102)...)
		must(t, err)
		if got := path(out); got != 2 {
			t.Fatalf("path %d", got)
		}
	}
	must(t, <-ended)
}
