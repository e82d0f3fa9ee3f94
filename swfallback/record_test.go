package swfallback

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

func testRecord() *record {
	r := &record{
		Device:  "pci/0000:03:00.0",
		Since:   time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC),
		Ports:   []portRecord{{Port: 1, Interface: "eth0", Mode: "generic", NotNative: "no XDP"}},
		Options: optionsRecord{HostPort: 509, MaxPorts: 512, Stats: true},
		Layout:  "abc",
	}
	r.setSource(Source{JSON: bytes.Repeat([]byte(`{"a": 1}`), 1000), P4Info: []byte("pkg_info {}"), Tag: "sha256:00"})
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	want := testRecord()
	data, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 1000 {
		t.Errorf("%d bytes: not compressed", len(data))
	}
	got, err := decodeRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.source(), got.source()); diff != "" {
		t.Error(diff)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	data, err := testRecord().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(data)
		if (r == nil) == (err == nil) {
			t.Errorf("got %v, %v", r, err)
		}
	})
}

func TestSlots(t *testing.T) {
	s := slots{max: 5}
	a, used, ok := s.take(3)
	if !ok || used != 0 || !slices.Equal(a, []uint32{1, 2, 3}) {
		t.Fatalf("got %v, %d, %v", a, used, ok)
	}
	s.giveBack(a[1:2])
	if _, _, ok := s.take(4); ok {
		t.Error("took more than there are")
	}
	b, used, ok := s.take(3)
	if !ok || used != 1 || !slices.Equal(b, []uint32{2, 4, 5}) {
		t.Errorf("got %v, %d, %v", b, used, ok)
	}
	var again slots
	again.max = 5
	again.recover([]uint32{5, 1}, 4) // 5 is beyond the mark and must not be given out either
	c, used, ok := again.take(3)
	slices.Sort(c)
	if !ok || used != 3 || !slices.Equal(c, []uint32{2, 3, 4}) {
		t.Errorf("recovered: got %v, %d, %v", c, used, ok)
	}
	if _, _, ok := again.take(1); ok {
		t.Error("recovered: took more than there are")
	}
}

func TestRegisterCodec(t *testing.T) {
	for _, c := range []struct {
		width, size int
		signed      bool
		in, want    int64
	}{
		{8, 1, false, 200, 200}, {8, 1, false, 256, 0}, {8, 1, true, -1, -1}, {8, 1, false, -1, 255},
		{12, 2, false, 0xabc, 0xabc}, {12, 2, true, 0x800, -2048}, {33, 8, false, 1 << 32, 1 << 32}, {1, 1, false, 1, 1},
	} {
		r := &pipeline.Register{Width: c.width, Signed: c.signed}
		value := encodeRegister(big.NewInt(c.in), r, c.size)
		if len(value) != c.size {
			t.Errorf("%+v: %d bytes", c, len(value))
		}
		if got := decodeRegister(value, r); got.Int64() != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	if got := encodeRegister(big.NewInt(0x0102), &pipeline.Register{Width: 16}, 2); !bytes.Equal(got, []byte{2, 1}) {
		t.Errorf("not little-endian: %x", got)
	}
}

func TestCommitUndoesInReverse(t *testing.T) {
	var log []string
	note := func(what string, err error) func() error {
		return func() error { log = append(log, what); return err }
	}
	broken := errors.New("broken")
	err := commit([]edit{
		{apply: note("a", nil), undo: note("undo a", nil)},
		{apply: note("b", nil), undo: note("undo b", nil)},
		{apply: note("c", broken), undo: note("undo c", nil)},
		{apply: note("d", nil), cancel: func() { log = append(log, "cancel d") }},
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if want := []string{"a", "b", "c", "undo b", "undo a", "cancel d"}; !slices.Equal(log, want) {
		t.Errorf("got %v, want %v", log, want)
	}
}

func TestLockExcludesAndMoves(t *testing.T) {
	place := Place{Run: t.TempDir()}
	a, err := openLock(place, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	b, err := openLock(place, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if err := a.acquire(t.Context()); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.acquire(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("locked twice: %v", err)
	}
	if err := errors.Join(a.remove(), a.release()); err != nil {
		t.Fatal(err)
	}
	if err := b.acquire(t.Context()); !errors.Is(err, errLockGone) {
		t.Errorf("locked a file that is gone: %v", err)
	}
}
