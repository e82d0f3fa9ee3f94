package advert_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/advert"
	"github.com/p4dev/p4dev/firmware/bmv2"
)

// reader takes an image apart as docs/formats.md describes it, and as a driver does.
type reader struct {
	word     func(at uint32) uint32
	start    [7]uint32 // of the records of each kind
	count    [7]uint32
	bytes    []byte
	strings  []byte
	complete bool // sizes add up
}

// recordWords is how many words a record of each kind has.
var recordWords = [7]uint32{4, 2, 8, 2, 4, 4, 4}

func newReader(image []byte) *reader {
	r := &reader{word: func(at uint32) uint32 { return binary.LittleEndian.Uint32(image[at:]) }}
	at := uint32(64)
	for i := range r.count {
		r.count[i], r.start[i] = r.word(uint32(28+4*i)), at
		at += r.count[i] * recordWords[i] * 4
	}
	n, m := r.word(56), r.word(60)
	r.bytes, r.strings = image[at:at+n], image[at+n:at+n+m]
	r.complete = string(image[:8]) == "P4ADVERT" && r.word(8) == 1 && int(r.word(12)) == len(image) && int(at+n+m) == len(image)
	return r
}

// record returns the words of one record.
func (r *reader) record(kind int, i uint32) []uint32 {
	out := make([]uint32, recordWords[kind])
	for j := range out {
		out[j] = r.word(r.start[kind] + (i*recordWords[kind]+uint32(j))*4)
	}
	return out
}

func (r *reader) str(at uint32) string {
	s, _, _ := strings.Cut(string(r.strings[at:]), "\x00")
	return s
}

func (r *reader) refs(first, n uint32) []advert.Ref {
	var out []advert.Ref
	for i := range n {
		w := r.record(3, first+i)
		out = append(out, advert.Ref{Header: w[0], Field: w[1]})
	}
	return out
}

func (r *reader) values(first, n uint32) []advert.Value {
	var out []advert.Value
	for i := range n {
		w := r.record(6, first+i)
		v := advert.Value{Field: r.refs(w[0], 1)[0], Value: r.bytes[w[1] : w[1]+w[3]]}
		if w[2] != 1<<32-1 {
			v.Mask = r.bytes[w[2] : w[2]+w[3]]
		}
		out = append(out, v)
	}
	return out
}

// sameDescription compares what was written with what a reader finds.
func sameDescription(t *testing.T, a *advert.Advert, image []byte) bool {
	t.Helper()
	r := newReader(image)
	var headers []advert.Header
	for i := range r.count[0] {
		w := r.record(0, i)
		h := advert.Header{ID: w[0], Name: r.str(w[1])}
		for j := range w[3] {
			f := r.record(1, w[2]+j)
			h.Fields = append(h.Fields, advert.Field{Name: r.str(f[0]), Width: f[1]})
		}
		headers = append(headers, h)
	}
	var tables []advert.Table
	for i := range r.count[2] {
		w := r.record(2, i)
		tables = append(tables, advert.Table{Program: a.Tables[i].Program, Name: r.str(w[0]), Size: w[1], Resource: w[2],
			Counters: w[3]&1 != 0, Matches: r.refs(w[4], w[5]), Actions: r.refs(w[4]+w[5], w[6])})
	}
	var resources []advert.Resource
	for i := range r.count[4] {
		w := r.record(4, i)
		resources = append(resources, advert.Resource{ID: w[0], Name: r.str(w[1]), Parent: w[2], Size: w[3]})
	}
	return r.complete && r.str(r.word(16)) == a.Name && r.str(r.word(20)) == a.Version && r.str(r.word(24)) == a.Source &&
		reflect.DeepEqual(headers, a.Headers) && reflect.DeepEqual(tables, a.Tables) && reflect.DeepEqual(resources, a.Resources)
}

// TestEncodeEntries wants the program's own entries in the image, with masks and what a hit writes.
func TestEncodeEntries(t *testing.T) {
	program, err := bmv2.ImportFile("../../testdata/p4/features/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	a := advert.New(program, nil)
	a.Name, a.Version, a.Source = "keys", "1.0.0", "sha256:00"
	image, err := a.Encode()
	if err != nil || !sameDescription(t, a, image) {
		t.Fatalf("encode: %v", err)
	}
	r := newReader(image)
	var at uint32
	for i, table := range a.Tables {
		for _, e := range table.Program.Entries {
			w, want := r.record(5, at), a.Entry(e)
			at++
			if int(w[0]) != i {
				t.Errorf("entry %d is in table %d, want %d", at, w[0], i)
			}
			if got := r.values(w[1], w[2]); !reflect.DeepEqual(got, want.Matches) {
				t.Errorf("entry %d of %s: got %v, want %v", at, table.Name, got, want.Matches)
			}
			if got := r.values(w[1]+w[2], w[3]); !reflect.DeepEqual(got, want.Actions) {
				t.Errorf("entry %d of %s: got actions %v, want %v", at, table.Name, got, want.Actions)
			}
		}
	}
	if at == 0 || at != r.count[5] {
		t.Errorf("%d entries in the image, the program has %d", r.count[5], at)
	}
}

// TestEncodeRefuses wants names that a driver would read differently, and programs that it would not take, refused.
func TestEncodeRefuses(t *testing.T) {
	large := &advert.Advert{Headers: make([]advert.Header, 64<<10+1)}
	for _, a := range []*advert.Advert{{Name: "a\x00b"}, large} {
		if _, err := a.Encode(); err == nil {
			t.Errorf("encoded %.20q with %d headers", a.Name, len(a.Headers))
		}
	}
}

// TestEncodeSame wants the same bytes from the same program.
func TestEncodeSame(t *testing.T) {
	encode := func() []byte {
		data, err := os.ReadFile("../../testdata/p4/l3router.json")
		if err != nil {
			t.Fatal(err)
		}
		program, err := bmv2.Import(data)
		if err != nil {
			t.Fatal(err)
		}
		image, err := advert.New(program, nil).Encode()
		if err != nil {
			t.Fatal(err)
		}
		return image
	}
	if !bytes.Equal(encode(), encode()) {
		t.Error("two images of one program differ")
	}
}
