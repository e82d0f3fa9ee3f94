package swfallback

import (
	"context"
	"errors"
	"math/big"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// request is a packet of features/state: a command, an index and a number of 128 bits.
func request(command, index byte, value string) []byte {
	v, _ := new(big.Int).SetString(value, 16)
	return append([]byte{command, index}, v.FillBytes(make([]byte, 16))...)
}

// newState attaches features/state with its commands: 1 writes registers, 2 reads them, 5 sends a digest, 6 picks.
func newState(t *testing.T, form bpfgen.Form) *Fallback {
	t.Helper()
	f := testRuns(t, source(t, "features/state"), form)
	insert(t, f, "commands 1 => write", "commands 2 => read", "commands 5 => learn", "commands 6 => pick")
	return f
}

// TestRegistersBothWays: packets see what user space writes, and the other way round, at every width.
func TestRegistersBothWays(t *testing.T) { bothForms(t, testRegistersBothWays) }

func testRegistersBothWays(t *testing.T, form bpfgen.Form) {
	f := newState(t, form)
	const first, second = "0123456789abcdeffedcba9876543210", "fedcba98765432100123456789abcdef"
	send(t, f, request(1, 2, first)...)
	read, _ := new(big.Int).SetString(first, 16)
	written, _ := new(big.Int).SetString(second, 16)
	for _, r := range f.Program().Registers {
		if r.Size == 1 {
			continue // counts packets
		}
		got := found[*big.Int](t, r.Name)(f.ReadRegister(r, 2))
		if want := new(big.Int).And(read, lowBits(r.Width)); got.Cmp(want) != 0 {
			t.Errorf("%s, %d bits: %x, want %x", r.Name, r.Width, got, want)
		}
		if got := found[*big.Int](t, r.Name)(f.ReadRegister(r, 1)); got.Sign() != 0 {
			t.Errorf("%s[1] = %x", r.Name, got)
		}
		must(t, f.WriteRegister(r, 3, written))
	}
	out := send(t, f, request(2, 3, "0")...)
	want := unhex(t, "01"+"ef"+"89abcdef"+"456789abcdef"+second)
	same(t, "registers in the packet", out[18:18+len(want)], want)
}

// TestCountersBothWays: packets count on from what user space writes.
func TestCountersBothWays(t *testing.T) { bothForms(t, testCountersBothWays) }

func testCountersBothWays(t *testing.T, form bpfgen.Form) {
	f := newState(t, form)
	c := found[*pipeline.Counter](t, "by_index")(f.Program().CounterByName("state_ingress.by_index"))
	must(t, f.WriteCounter(c, 7, pipeline.Count{Packets: 1 << 40, Bytes: 5}))
	send(t, f, request(2, 7, "0")...)
	got := found[pipeline.Count](t, "count")(f.ReadCounter(c, 7))
	same(t, "count", got, pipeline.Count{Packets: 1<<40 + 1, Bytes: 5 + 18})
	for _, index := range []int{-1, c.Size} {
		if err := f.WriteCounter(c, index, pipeline.Count{}); !errors.Is(err, pipeline.ErrBadRange) {
			t.Errorf("index %d: %v", index, err)
		}
	}
	if err := f.WriteCounter(nil, 0, pipeline.Count{}); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("no counter: %v", err)
	}
}

// TestDigestContents: digests have the values of their packet, in the order in which they were sent.
func TestDigestContents(t *testing.T) { bothForms(t, testDigestContents) }

func testDigestContents(t *testing.T, form bpfgen.Form) {
	f := newState(t, form)
	send(t, f, request(5, 1, "aabbccddeeff112233445566")...)
	send(t, f, request(2, 1, "0")...)
	send(t, f, request(5, 9, "7")...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enough := errors.New("enough")
	var got [][][]byte
	err := f.Digests(ctx, func(_ *pipeline.Digest, values [][]byte) error {
		if got = append(got, values); len(got) == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	same(t, "digests", got, [][][]byte{
		{{1}, {0x11, 0x22, 0x33, 0x44, 0x55, 0x66}, {0, 1}},
		{{9}, {0, 0, 0, 0, 0, 7}, {0, 1}},
	})
}
