package bpfgen

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// tinyFrame is a frame of tiny programs: 14 bytes with a type.
func tinyFrame(etherType uint16) []byte {
	return binary.BigEndian.AppendUint16(make([]byte, 12), etherType)
}

// runTiny gives a frame to a program; nil: nothing came out.
func runTiny(t *testing.T, e *kernelEngine, frame []byte) []byte {
	t.Helper()
	out, err := e.process(1, frame)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		return nil
	}
	return out[0].Packet
}

// bothForms runs a test on programs compiled in both forms.
func bothForms(t *testing.T, test func(*testing.T, Form)) {
	for _, form := range []Form{FormAuto, FormGeneral} {
		t.Run(form.String(), func(t *testing.T) { test(t, form) })
	}
}

// TestRandom: every number between the bounds comes, and no other; bounds that are exchanged change nothing.
func TestRandom(t *testing.T) { bothForms(t, testRandom) }

func testRandom(t *testing.T, form Form) {
	for name, c := range map[string]struct {
		low, high *big.Int
		want      func(uint64) bool
		all       int // different numbers that must come
	}{
		"few":       {big.NewInt(3), big.NewInt(6), func(n uint64) bool { return n >= 3 && n <= 6 }, 4},
		"one":       {big.NewInt(9), big.NewInt(9), func(n uint64) bool { return n == 9 }, 1},
		"exchanged": {big.NewInt(6), big.NewInt(3), func(n uint64) bool { return n == 0 }, 1},
		"all":       {new(big.Int), new(big.Int).SetUint64(math.MaxUint64), func(uint64) bool { return true }, 60},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTiny()
			x.action("pick", nil, assign(x.std("egress_spec"), number(1)), pipeline.Primitive{Op: pipeline.OpRandom,
				Args: []pipeline.Expr{x.field("dst"), &pipeline.Const{Value: c.low}, &pipeline.Const{Value: c.high}}})
			x.ingress.Start = x.call("pick")
			e := newKernelEngine(t, x.Program, Options{Form: form, Verdict: true})
			seen := make(map[uint64]bool)
			for range 64 {
				out := runTiny(t, e, tinyFrame(1))
				n := binary.BigEndian.Uint64(append([]byte{0, 0}, out[:6]...))
				if seen[n] = true; !c.want(n) {
					t.Fatalf("got %d", n)
				}
			}
			if len(seen) < c.all {
				t.Errorf("%d different numbers in 64, want %d", len(seen), c.all)
			}
		})
	}
}

// TestAssert: a packet for which a condition does not hold is gone, in an action and in the parser.
func TestAssert(t *testing.T) { bothForms(t, testAssert) }

func testAssert(t *testing.T, form Form) {
	for name, op := range map[string]pipeline.Op{"assert": pipeline.OpAssert, "assume": pipeline.OpAssume} {
		for _, parser := range []bool{false, true} {
			x := newTiny()
			check := pipeline.Primitive{Op: op, Args: []pipeline.Expr{
				&pipeline.Binary{Op: pipeline.OpLt, X: x.field("type"), Y: number(100)}}}
			body := []pipeline.Primitive{assign(x.std("egress_spec"), number(1))}
			if parser {
				s := x.Parsers[0].States[0]
				s.Body = append(s.Body, check)
			} else {
				body = append(body, check)
			}
			x.action("send", nil, body...)
			x.ingress.Start = x.call("send")
			e := newKernelEngine(t, x.Program, Options{Form: form, Verdict: true})
			for etherType, want := range map[uint16]bool{0: true, 99: true, 100: false, 0xffff: false} {
				if got := runTiny(t, e, tinyFrame(etherType)) != nil; got != want {
					t.Errorf("%s, parser %t, type %d: came out %t", name, parser, etherType, got)
				}
			}
		}
	}
}

// TestWideRanges compares a table with ranges of more than a word, in any order of priorities, with a model of it.
// Its entries come at run time, or they are the program's own.
func TestWideRanges(t *testing.T) {
	bothForms(t, func(t *testing.T, form Form) { testWideRanges(t, form, 12, false) })
}

func TestWrittenWideRanges(t *testing.T) {
	bothForms(t, func(t *testing.T, form Form) { testWideRanges(t, form, mostWritten, true) })
}

func testWideRanges(t *testing.T, form Form, n int, written bool) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, seed))
	t.Logf("seed %d", seed)
	for _, width := range []int{16, 64, 72, 128, 136} {
		x := newTiny()
		ht := &pipeline.HeaderType{Index: len(x.HeaderTypes), Name: "wide", Width: width,
			Fields: []*pipeline.Field{{Name: "value", Width: width}}}
		h := &pipeline.Header{Index: len(x.Headers), Name: "wide", Type: ht}
		x.HeaderTypes, x.Headers = append(x.HeaderTypes, ht), append(x.Headers, h)
		s := x.Parsers[0].States[0]
		s.Body = append(s.Body, pipeline.Primitive{Op: pipeline.OpExtract, Args: []pipeline.Expr{&pipeline.HeaderRef{Header: h}}})
		x.Deparsers[0].Order = append(x.Deparsers[0].Order, h)
		x.action("set_port", []int{9}, assign(x.std("egress_spec"), &pipeline.Param{Index: 0}))
		tab := x.table("by_range", pipeline.MatchRange, fieldOf(h, "value"), "set_port")
		var entries []*pipeline.Entry
		for i := range n {
			low, high := near(r, width), near(r, width)
			if bytes.Compare(low, high) > 0 {
				low, high = high, low
			}
			entries = append(entries, &pipeline.Entry{Table: tab, Priority: 1 + r.Int32N(6), Match: []pipeline.Match{{Value: low, High: high}},
				Call: &pipeline.ActionCall{Action: tab.Actions[0], Args: [][]byte{{0, byte(10 + i)}}}})
		}
		if written {
			tab.Entries, tab.Immutable = entries, true
		}
		e := newKernelEngine(t, x.Program, Options{Form: form, Verdict: true})
		if got := e.o.Tables[tab.Index].Written; got != written {
			t.Fatalf("written out: %t", got)
		}
		if !written {
			if err := e.Insert(entries...); err != nil {
				t.Fatal(err)
			}
		}
		for range 300 {
			key := near(r, width)
			if r.IntN(3) == 0 {
				m := entries[r.IntN(len(entries))].Match[0]
				key = [][]byte{m.Value, m.High}[r.IntN(2)]
			}
			out, err := e.process(1, append(tinyFrame(1), key...))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := portOf(out), modelRange(entries, key); got != want {
				t.Fatalf("%d bits, key %x: port %d, want %d", width, key, got, want)
			}
		}
	}
}

// near makes a number whose parts are often equal to, or one off, those of others.
func near(r *rand.Rand, width int) []byte {
	out := make([]byte, width/8)
	for i := range out {
		out[i] = byte(r.IntN(3)) - 1
	}
	return out
}

// modelRange returns the port of the entry that a key hits, of equal priorities the older one; 0: none.
func modelRange(entries []*pipeline.Entry, key []byte) uint32 {
	var best *pipeline.Entry
	for _, e := range entries {
		m := e.Match[0]
		if bytes.Compare(m.Value, key) <= 0 && bytes.Compare(key, m.High) <= 0 && (best == nil || e.Priority > best.Priority) {
			best = e
		}
	}
	if best == nil {
		return 0
	}
	return uint32(best.Call.Args[0][1])
}

func portOf(out []stf.Received) uint32 {
	if len(out) == 0 {
		return 0
	}
	return out[0].Port
}

// TestWideIndices: an index past the end finds nothing, also where its low bits would.
func TestWideIndices(t *testing.T) { bothForms(t, testWideIndices) }

func testWideIndices(t *testing.T, form Form) {
	x := newTiny()
	reg := &pipeline.Register{Name: "cells", Size: 4, Width: 16}
	x.Registers = []*pipeline.Register{reg}
	x.action("read", nil, assign(x.std("egress_spec"), number(1)),
		pipeline.Primitive{Op: pipeline.OpRegisterWrite, Args: []pipeline.Expr{&pipeline.RegisterRef{Register: reg}, number(2), number(0x1234)}},
		pipeline.Primitive{Op: pipeline.OpRegisterRead, Args: []pipeline.Expr{x.field("type"), &pipeline.RegisterRef{Register: reg}, x.field("dst")}})
	x.ingress.Start = x.call("read")
	e := newKernelEngine(t, x.Program, Options{Form: form, Verdict: true})
	for index, want := range map[uint64]uint16{2: 0x1234, 3: 0, 4: 7, 1<<32 + 2: 7, 1<<47 + 2: 7, 1<<32 - 1: 7} {
		frame := append(binary.BigEndian.AppendUint64(nil, index)[2:], make([]byte, 6)...)
		out := runTiny(t, e, append(frame, 0, 7))
		if got := binary.BigEndian.Uint16(out[12:]); got != want {
			t.Errorf("index %#x: read %#x, want %#x", index, got, want)
		}
	}
}

// TestKeysOfInvalidHeaders: a field of a header that has been removed counts as zero in a key.
func TestKeysOfInvalidHeaders(t *testing.T) { bothForms(t, testKeysOfInvalidHeaders) }

func testKeysOfInvalidHeaders(t *testing.T, form Form) {
	for _, kind := range []pipeline.MatchKind{pipeline.MatchExact, pipeline.MatchTernary, pipeline.MatchLPM} {
		for _, removed := range []bool{false, true} {
			x := newTiny()
			x.action("none", nil)
			x.action("send", []int{9}, assign(x.std("egress_spec"), &pipeline.Param{Index: 0}))
			x.action("remove", nil, pipeline.Primitive{Op: pipeline.OpRemoveHeader,
				Args: []pipeline.Expr{&pipeline.HeaderRef{Header: x.ethernet}}})
			table := x.table("types", kind, x.field("type"), "send")
			before := "none"
			if removed {
				before = "remove"
			}
			first := x.call(before).(*pipeline.ActionCallNode)
			first.Next, x.ingress.Start = table, first
			e := newKernelEngine(t, x.Program, Options{Form: form, Verdict: true})
			for _, value := range []byte{0, 8} {
				entry := &pipeline.Entry{Table: table, Match: []pipeline.Match{{Value: []byte{value, 0}}},
					Call: &pipeline.ActionCall{Action: x.actions["send"], Args: [][]byte{{0, 2 + value}}}}
				switch kind {
				case pipeline.MatchTernary:
					entry.Match[0].Mask, entry.Priority = []byte{0xff, 0xff}, 1
				case pipeline.MatchLPM:
					entry.Match[0].Prefix = 16
				}
				if err := e.Insert(entry); err != nil {
					t.Fatal(err)
				}
			}
			want := uint32(10)
			if removed {
				want = 2
			}
			out, err := e.process(1, append(tinyFrame(0x800), make([]byte, 60)...))
			if err != nil {
				t.Fatal(err)
			}
			if got := portOf(out); got != want {
				t.Errorf("%v, header removed %t: port %d, want %d", kind, removed, got, want)
			}
		}
	}
}
