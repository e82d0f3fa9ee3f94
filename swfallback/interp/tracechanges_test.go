package interp_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// values is a recorder that is told values.
type values struct{ recorder }

func (*values) TraceValues() {}

var _ interp.ValueTracer = (*values)(nil)

// TestChanges: what l3router does to the headers of a packet that it routes.
func TestChanges(t *testing.T) {
	sw := configured(t, "l3router")
	packet := routed(t, sw)
	var rec values
	if _, err := sw.ProcessTraced(1, packet, &rec); err != nil {
		t.Fatal(err)
	}
	var changed, sums []string
	for _, e := range rec.events {
		switch e := e.(type) {
		case interp.Change:
			if !e.Header.Metadata {
				changed = append(changed, e.String())
			}
		case interp.Checked:
			sums = append(sums, e.String())
			if e.Update == e.OK() {
				t.Errorf("%+v: the ttl changed between the two", e)
			}
		case interp.Extract:
			if len(e.Values) != len(e.Header.Type.Fields) {
				t.Errorf("%v: %d values", e, len(e.Values))
			}
			if e.Header.Name == "ethernet" && !bytes.Equal(bytes.Join(e.Values, nil), packet[:14]) {
				t.Errorf("%v: values %x, want %x", e, e.Values, packet[:14])
			}
		}
	}
	want := []string{
		"ethernet.dst_addr from 0x020000000001 to 0x0200000000b2",
		"ethernet.src_addr from 0x0200000000aa to 0x020000000002",
		"ipv4.ttl from 0x40 to 0x3f",
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if len(sums) != 2 || sums[0] != "checksum ipv4.hdr_checksum is right" {
		t.Errorf("checksums: %q", sums)
	}
}

// TestChangesOnlyForValueTracer: others do not pay for them.
func TestChangesOnlyForValueTracer(t *testing.T) {
	sw := configured(t, "l3router")
	var rec recorder
	if _, err := sw.ProcessTraced(1, routed(t, sw), &rec); err != nil {
		t.Fatal(err)
	}
	for _, e := range rec.events {
		switch e := e.(type) {
		case interp.Change:
			t.Errorf("told of %v", e)
		case interp.Extract:
			if e.Values != nil {
				t.Errorf("%v with values", e)
			}
		}
	}
}

// TestChangesFollow: with every packet of the project's own tests, a change starts from what was told before, only
// headers that are valid change, and tracing changes nothing.
func TestChangesFollow(t *testing.T) {
	told := 0
	for _, c := range stftest.Own(t) {
		t.Run(filepath.Base(c.Name), func(t *testing.T) {
			p, err := stftest.LoadProgram(c.Program)
			if err != nil {
				t.Fatal(err)
			}
			sw, err := interp.New(p, interp.Options{})
			if err != nil {
				t.Fatal(err)
			}
			test, err := c.Load()
			if err != nil {
				t.Fatal(err)
			}
			f := &follower{t: t}
			e := stf.Engine{Program: p, Target: sw, Wire: stf.Synchronous(func(port uint32, packet []byte) ([]stf.Received, error) {
				f.forget()
				out, err := sw.ProcessTraced(port, packet, f)
				var got []stf.Received
				for _, o := range out {
					got = append(got, stf.Received(o))
				}
				return got, err
			})}
			result, err := stf.Run(t.Context(), test, e)
			if err != nil {
				t.Fatal(err)
			}
			if err := result.Err(); err != nil {
				t.Error(err)
			}
			told += f.changes
		})
	}
	if told < 500 {
		t.Errorf("%d changes in all packet tests: hardly all", told)
	}
}

// follower holds what the events of a block say of the headers.
type follower struct {
	t       *testing.T
	valid   map[*pipeline.Header]bool
	fields  map[*pipeline.Header]map[*pipeline.Field][]byte
	changes int
}

func (f *follower) TraceValues() {}

func (f *follower) forget() {
	f.valid = map[*pipeline.Header]bool{}
	f.fields = map[*pipeline.Header]map[*pipeline.Field][]byte{}
}

func (f *follower) know(h *pipeline.Header, field *pipeline.Field, value []byte) {
	if f.fields[h] == nil {
		f.fields[h] = map[*pipeline.Field][]byte{}
	}
	f.fields[h][field] = value
}

func (f *follower) Trace(e interp.Event) {
	switch e := e.(type) {
	case interp.Block:
		f.forget()
	case interp.Extract:
		f.valid[e.Header] = true
		for i, v := range e.Values {
			f.know(e.Header, e.Header.Type.Fields[i], v)
		}
	case interp.Change:
		f.changes++
		f.change(e)
	}
}

func (f *follower) change(e interp.Change) {
	valid, known := f.valid[e.Header]
	if e.Field == nil {
		if known && valid == e.Valid {
			f.t.Errorf("%v, and was so", e)
		}
		f.valid[e.Header] = e.Valid
		delete(f.fields, e.Header)
		return
	}
	if known && !valid {
		f.t.Errorf("%v, and is not valid", e)
	}
	before, told := f.fields[e.Header][e.Field]
	switch {
	case told && !bytes.Equal(before, e.Before):
		f.t.Errorf("%v, and was %x", e, before)
	case bytes.Equal(e.Before, e.After) && e.Before != nil && !e.Field.Var:
		f.t.Errorf("%v is no change", e)
	}
	f.know(e.Header, e.Field, e.After)
}
