package interp_test

import (
	"errors"
	"math/big"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// load makes a Switch of one of the programs in testdata/p4.
func load(tb testing.TB, name string, opts interp.Options) *interp.Switch {
	tb.Helper()
	p, err := stftest.LoadProgram(filepath.Join(stftest.Root(tb), "testdata", "p4", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	sw, err := interp.New(p, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return sw
}

// play runs lines of STF or commands.
func play(tb testing.TB, sw *interp.Switch, read func(string, []byte) (*stf.Test, error), lines string) *stf.Result {
	tb.Helper()
	test, err := read("test", []byte(lines))
	if err != nil {
		tb.Fatal(err)
	}
	result, err := stf.Run(tb.Context(), test, engine(sw))
	if err != nil {
		tb.Fatal(err)
	}
	if err := result.Err(); err != nil {
		tb.Error(err)
	}
	return result
}

// entry returns the only entry of a table.
func entry(tb testing.TB, sw *interp.Switch, table string) *pipeline.Entry {
	tb.Helper()
	t, err := sw.Program().TableByName(table)
	if err != nil {
		tb.Fatal(err)
	}
	entries, err := sw.Entries(t)
	if err != nil || len(entries) != 1 {
		tb.Fatalf("entries of %s: %v, %v; want one", table, entries, err)
	}
	return entries[0].Entry
}

func TestDigest(t *testing.T) {
	var got []interp.Digest
	sw := load(t, "features/state", interp.Options{Digest: func(d interp.Digest) { got = append(got, d) }})
	play(t, sw, stf.Read, `
		add commands hdr.request.command:5 learn()
		packet 3 05 ab 000102030405060708090a0b0c0d0e0f`)
	if len(got) != 1 {
		t.Fatalf("%d digests, want 1", len(got))
	}
	want := [][]byte{{0xab}, {0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f}, {0, 3}}
	if diff := cmp.Diff(want, got[0].Values); diff != "" {
		t.Errorf("digest %s (-want +got):\n%s", got[0].Digest.Name, diff)
	}
}

func TestRegisters(t *testing.T) {
	sw := load(t, "features/state", interp.Options{})
	play(t, sw, stf.Read, `
		add commands hdr.request.command:1 write()
		packet 0 01 02 112233445566778899aabbccddeeff01
		expect 1`)
	for _, r := range sw.Program().Registers {
		if r.Size < 4 {
			continue
		}
		all, _ := new(big.Int).SetString("112233445566778899aabbccddeeff01", 16)
		want := new(big.Int).And(all, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(r.Width)), big.NewInt(1)))
		got, err := sw.ReadRegister(r, 2)
		if err != nil || got.Cmp(want) != 0 {
			t.Errorf("%s[2] = %x, %v; want %x", r.Name, got, err, want)
		}
		if err := sw.WriteRegister(r, 2, big.NewInt(-1)); err != nil {
			t.Error(err)
		}
		if got, _ := sw.ReadRegister(r, 2); got.BitLen() != r.Width {
			t.Errorf("%s[2] = %x after -1 was written, want %d ones", r.Name, got, r.Width)
		}
		if _, err := sw.ReadRegister(r, r.Size); !errors.Is(err, pipeline.ErrBadRange) {
			t.Errorf("read past the end: %v", err)
		}
		if err := sw.WriteRegister(r, -1, all); !errors.Is(err, pipeline.ErrBadRange) {
			t.Errorf("write below the start: %v", err)
		}
	}
}

// clock is a clock that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// TestMeters: the direct meter of table policed counts packets, the indirect one bytes, twelve for each
// request. The request's last byte says which; behind the four values follow the colours, the direct one first.
func TestMeters(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	sw := load(t, "features/selector", interp.Options{Now: c.Now})
	play(t, sw, stf.Read, `
		add policed hdr.request.meter_index:1 police()
		meter_set_rates policer 0 0.000001:1 0.000002:2
		meter_set_rates shapers 3 0.000012:12 0.000024:24
		packet 0 0001 0001 0001 0001 01 01 cafe
		packet 0 0001 0001 0001 0001 01 01 cafe
		packet 0 0001 0001 0001 0001 01 01 cafe
		packet 0 0001 0001 0001 0001 01 03 cafe
		packet 0 0001 0001 0001 0001 01 03 cafe
		packet 0 0001 0001 0001 0001 01 03 cafe
		expect 1 0001 0001 0001 0001 01 01 00 00 00 00 00 00 10 cafe$
		expect 1 0001 0001 0001 0001 01 01 00 00 00 00 01 00 10 cafe$
		expect 1 0001 0001 0001 0001 01 01 00 00 00 00 02 00 10 cafe$
		expect 1 0001 0001 0001 0001 01 03 00 00 00 00 03 00 00 cafe$
		expect 1 0001 0001 0001 0001 01 03 00 00 00 00 03 01 00 cafe$
		expect 1 0001 0001 0001 0001 01 03 00 00 00 00 03 02 00 cafe$`)
	c.now = c.now.Add(time.Second)
	play(t, sw, stf.Read, `
		packet 0 0001 0001 0001 0001 01 01 cafe
		packet 0 0001 0001 0001 0001 01 03 cafe
		expect 1 0001 0001 0001 0001 01 01 00 00 00 00 00 00 10 cafe$
		expect 1 0001 0001 0001 0001 01 03 00 00 00 00 03 00 00 cafe$`)
	if err := sw.SetDirectMeterRates(entry(t, sw, "policed"), &pipeline.MeterRates{Committed: 2, Peak: 1}); !errors.Is(err, pipeline.ErrBadRange) {
		t.Errorf("peak below committed rate: %v", err)
	}
}

func TestIdleTimeout(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	sw := load(t, "l2switch", interp.Options{Now: c.Now})
	play(t, sw, stf.ReadCommands, `
		table_add port_vlan set_pvid 1 0 => 10
		table_add smac NoAction 10 02:00:00:00:00:01 1 =>
		table_set_timeout smac 0 3000`)
	sweep := func(after time.Duration, want int) {
		t.Helper()
		c.now = c.now.Add(after)
		if got := sw.Sweep(); len(got) != want {
			t.Errorf("at %v: %d idle entries, want %d", c.now.Unix(), len(got), want)
		}
	}
	sweep(2*time.Second, 0)
	sweep(time.Second, 1)
	sweep(time.Second, 0) // reported by the last sweep
	sweep(time.Second, 1) // and again
	if _, err := sw.Process(1, append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}, make([]byte, 46)...)); err != nil {
		t.Fatal(err)
	}
	table, _ := sw.Program().TableByName("smac")
	states, err := sw.Entries(table)
	if err != nil || len(states) != 1 || states[0].IdleFor != 0 {
		t.Errorf("after a hit: %+v, %v", states, err)
	}
	sweep(2*time.Second, 0)
}

func TestValueSetMasksAndRanges(t *testing.T) {
	sw := load(t, "features/value_set", interp.Options{})
	p := sw.Program()
	set, err := p.ValueSetByName("services")
	if err != nil {
		t.Fatal(err)
	}
	// ethernet with ether_type 0x0900, then protocol and port
	packet := func(protocol byte, port uint16) []byte {
		return append(make([]byte, 12), 0x09, 0x00, protocol, byte(port>>8), byte(port), 1, 2, 3, 4, 5, 6, 7, 8)
	}
	visits := func(packet []byte) bool {
		var rec recorder
		if _, err := sw.ProcessTraced(1, packet, &rec); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(rec.events, func(e interp.Event) bool {
			s, ok := e.(interp.ParserState)
			return ok && s.State.Name == "listed"
		})
	}
	err = sw.SetValueSet(set, [][]pipeline.Match{
		{{Value: []byte{0x30}, Mask: []byte{0xf0}}, {Value: []byte{0, 80}}},
		{{Value: []byte{0x40}}, {Value: []byte{0, 10}, High: []byte{0, 20}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		protocol byte
		port     uint16
		want     bool
	}{{0x30, 80, true}, {0x3f, 80, true}, {0x3f, 81, false}, {0x40, 80, false}, {0x40, 9, false}, {0x40, 10, true},
		{0x40, 20, true}, {0x40, 21, false}} {
		if got := visits(packet(tt.protocol, tt.port)); got != tt.want {
			t.Errorf("protocol %#x port %d: in the set %t, want %t", tt.protocol, tt.port, got, tt.want)
		}
	}
	if err := sw.SetValueSet(set, make([][]pipeline.Match, set.Size+1)); !errors.Is(err, pipeline.ErrTableFull) {
		t.Errorf("too many members: %v", err)
	}
	if err := sw.SetValueSet(set, [][]pipeline.Match{{{Value: []byte{1}}}}); !errors.Is(err, pipeline.ErrBadMatch) {
		t.Errorf("a member with one component: %v", err)
	}
}

// recorder keeps the events of packets.
type recorder struct{ events []interp.Event }

func (r *recorder) Trace(e interp.Event) { r.events = append(r.events, e) }
