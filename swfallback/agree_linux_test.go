package swfallback

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// controlled is what an engine lets its control plane do beside packets.
type controlled interface {
	Insert(...*pipeline.Entry) error
	Modify(...*pipeline.Entry) error
	Delete(...*pipeline.Entry) error
	SetDefault(*pipeline.Table, *pipeline.ActionCall) error
	SetMember(*pipeline.ActionProfile, pipeline.Member) error
	DeleteMember(*pipeline.ActionProfile, uint32) error
	SetGroup(*pipeline.ActionProfile, pipeline.Group) error
	DeleteGroup(*pipeline.ActionProfile, uint32) error
	SetMeterRates(*pipeline.Meter, int, *pipeline.MeterRates) error
	SetDirectMeterRates(*pipeline.Entry, *pipeline.MeterRates) error
}

var (
	_ controlled = (*Fallback)(nil)
	_ controlled = (*interp.Switch)(nil)
)

// chance makes changes of a program's tables, profiles and meters, most of which are possible.
type chance struct {
	*rand.Rand
	program *pipeline.Program
}

func (c *chance) id() *uint32 {
	id := c.Uint32N(6)
	return &id
}

func (c *chance) call(t *pipeline.Table) *pipeline.ActionCall {
	a := t.Actions[c.IntN(len(t.Actions))]
	call := &pipeline.ActionCall{Action: a}
	for range a.Params {
		call.Args = append(call.Args, []byte{byte(1 + c.IntN(255))}) // all of 8 bits in this program
	}
	return call
}

// table returns a table that people know.
func (c *chance) table() *pipeline.Table {
	for {
		if t := c.program.Tables[c.IntN(len(c.program.Tables))]; !t.Hidden && len(t.Keys) > 0 {
			return t
		}
	}
}

// entry makes an entry with one of a few keys.
func (c *chance) entry() *pipeline.Entry {
	e := &pipeline.Entry{Table: c.table()}
	for _, k := range e.Table.Keys {
		m := pipeline.Match{Value: make([]byte, (k.Width+7)/8)}
		m.Value[len(m.Value)-1] = byte(c.IntN(4))
		switch k.Kind {
		case pipeline.MatchTernary:
			m.Mask = bytes.Repeat([]byte{0xff}, len(m.Value))
			m.Mask[len(m.Mask)-1] = byte(0xfc + c.IntN(4))
			m.Value[len(m.Value)-1] &= m.Mask[len(m.Mask)-1]
		case pipeline.MatchLPM:
			m.Prefix = k.Width
		}
		e.Match = append(e.Match, m)
	}
	if e.Table.NeedsPriority() {
		e.Priority = 1 + c.Int32N(3)
	}
	switch {
	case e.Table.Profile == nil:
		e.Call = c.call(e.Table)
	case e.Table.Profile.Selector != nil && c.IntN(2) == 0:
		e.Group = c.id()
	default:
		e.Member = c.id()
	}
	return e
}

func (c *chance) rates() *pipeline.MeterRates {
	if c.IntN(4) == 0 {
		return nil
	}
	scale := uint64(1)
	if c.IntN(2) == 0 {
		scale = 10 // bytes of a packet
	}
	return slow(scale*c.Uint64N(3), scale*c.Uint64N(5))
}

// change makes one change; it can be done to several engines.
func (c *chance) change() (what string, do func(controlled) error) {
	p := c.program.Profiles[c.IntN(len(c.program.Profiles))]
	e, id := c.entry(), *c.id()
	switch c.IntN(10) {
	case 0, 1:
		m := pipeline.Member{ID: id, Call: c.call(p.Tables[0])}
		return fmt.Sprint("set member ", p.Name, m.ID, pipeline.FormatCall(m.Call)), func(t controlled) error { return t.SetMember(p, m) }
	case 2:
		g := pipeline.Group{ID: id}
		for range c.IntN(4) {
			g.Members = append(g.Members, *c.id())
		}
		return fmt.Sprint("set group ", p.Name, g), func(t controlled) error { return t.SetGroup(p, g) }
	case 3:
		if c.IntN(2) == 0 {
			return fmt.Sprint("delete member ", p.Name, id), func(t controlled) error { return t.DeleteMember(p, id) }
		}
		return fmt.Sprint("delete group ", p.Name, id), func(t controlled) error { return t.DeleteGroup(p, id) }
	case 4, 5, 6:
		return "insert " + e.Table.Name + " " + pipeline.FormatEntry(e), func(t controlled) error { return t.Insert(e) }
	case 7:
		if c.IntN(3) > 0 {
			return "modify " + e.Table.Name + " " + pipeline.FormatEntry(e), func(t controlled) error { return t.Modify(e) }
		}
		return "delete " + e.Table.Name + " " + pipeline.FormatEntry(e), func(t controlled) error { return t.Delete(e) }
	case 8:
		call := c.call(e.Table)
		return "default " + e.Table.Name + " " + pipeline.FormatCall(call), func(t controlled) error { return t.SetDefault(e.Table, call) }
	}
	r := c.rates()
	if e.Table.Meter != nil {
		return fmt.Sprint("direct rates ", pipeline.FormatEntry(e), r), func(t controlled) error { return t.SetDirectMeterRates(e, r) }
	}
	m := c.program.Meters[1]
	return fmt.Sprint("rates ", id, r), func(t controlled) error { return t.SetMeterRates(m, int(id), r) }
}

// TestAgreesWithInterpreter makes the same changes to both engines and sends them the same packets in between: they say
// the same about every change, and the same packets come out.
func TestAgreesWithInterpreter(t *testing.T) { bothForms(t, testAgreesWithInterpreter) }

func testAgreesWithInterpreter(t *testing.T, form bpfgen.Form) {
	const seed = 7
	t.Logf("seed %d", seed)
	f := testRuns(t, source(t, "features/selector"), form)
	sw, err := interp.New(f.Program(), interp.Options{})
	must(t, err)
	c := &chance{Rand: rand.New(rand.NewPCG(seed, uint64(form))), program: f.Program()}
	done := 0
	for i := range 1500 {
		what, do := c.change()
		got, want := do(f), do(sw)
		if sentinel(got) != sentinel(want) {
			t.Fatalf("change %d: %s: %v, the interpreter says %v", i, what, got, want)
		}
		if want == nil {
			done++
		}
		for range 3 {
			packet := []byte{0, byte(c.IntN(4)), 0, byte(c.IntN(4)), 0, byte(c.IntN(4)), 0, byte(c.Uint32()), byte(c.Uint32()), byte(c.IntN(6))}
			out, err := sw.Process(1, packet)
			must(t, err)
			var want []byte
			if len(out) > 0 {
				want = out[0].Packet
			}
			if got := send(t, f, packet...); !bytes.Equal(got, want) {
				t.Fatalf("after change %d: %s: packet %x becomes %x, the interpreter makes %x", i, what, packet, got, want)
			}
		}
	}
	if done < 500 {
		t.Errorf("only %d changes were possible", done)
	}
}

// sentinel is the shared error that an error wraps.
func sentinel(err error) error {
	for _, s := range []error{pipeline.ErrNoTable, pipeline.ErrNoObject, pipeline.ErrNoAction, pipeline.ErrBadMatch,
		pipeline.ErrBadAction, pipeline.ErrBadRange, pipeline.ErrExists, pipeline.ErrNotFound, pipeline.ErrTableFull,
		pipeline.ErrImmutable, pipeline.ErrNoPriority, pipeline.ErrInUse} {
		if errors.Is(err, s) {
			return s
		}
	}
	return err
}
