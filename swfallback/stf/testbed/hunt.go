package testbed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p4dev/p4dev/swfallback/fuzz"
)

// Hunt says how differences are looked for.
type Hunt struct {
	Options fuzz.Options
	First   uint64        // number of the first case
	Count   uint64        // most cases; 0: no bound
	Time    time.Duration // 0: no bound. A case under way, and the shrinking of one, are finished.
	// Progress is called after every case; nil: nothing.
	Progress func(Progress)
}

// Progress is how far a Hunt has come.
type Progress struct {
	Cases, Packets uint64
	Unsteady       uint64   // differences that were not there a second time
	Next           uint64   // number of the next case
	Left           []string // commands that the kernel's side does not know, and that cases do without
	Elapsed        time.Duration
	Shrinking      bool
}

// Found is a difference, made small.
type Found struct {
	Case       *fuzz.Case
	Number     uint64  // of the case, before it was made small
	Variant    Variant // of the program
	Difference *Difference
	Test       string // the case as a packet test, which one of the engines fails

	expected [][]string // lines, by packet
}

// most bounds how many runs making a case small may take.
const mostShrinks = 600

// Run holds the engines against each other until they differ, or a bound is reached: nil then. The cases are the same
// wherever the options and the program are.
func (r *Rivals) Run(ctx context.Context, h Hunt) (*Found, Progress, error) {
	g := fuzz.New(r.program, h.Options)
	start := time.Now()
	p := Progress{Next: h.First}
	tell := func() {
		p.Elapsed = time.Since(start)
		if h.Progress != nil {
			h.Progress(p)
		}
	}
	for (h.Count == 0 || p.Cases < h.Count) && (h.Time == 0 || time.Since(start) < h.Time) {
		variant := variantOf(p.Next)
		c, round, err := r.settle(ctx, g.Case(p.Next), variant, func(command string, reason error) {
			g.Without(command)
			p.Left = append(p.Left, fmt.Sprintf("%s: %v", command, reason))
		})
		if err != nil {
			return nil, p, fmt.Errorf("case %d: %w", p.Next, err)
		}
		p.Next++
		p.Cases++
		p.Packets += uint64(round.Sent)
		if round.Difference != nil {
			if again, err := r.Compare(ctx, c, variant); err == nil && again.Difference == nil {
				p.Unsteady++
				continue
			}
			p.Shrinking = true
			tell()
			found, err := r.shrink(ctx, c, variant, round)
			if found != nil {
				found.Number, found.Variant = p.Next-1, variant
				found.Test = found.text(h.Options.Seed, r.program.Name)
			}
			return found, p, err
		}
		tell()
	}
	p.Elapsed = time.Since(start)
	return nil, p, nil
}

// settle runs a case, and again without what cannot be compared.
func (r *Rivals) settle(ctx context.Context, c *fuzz.Case, variant Variant, leave func(string, error)) (*fuzz.Case, *Round, error) {
	for {
		round, err := r.Compare(ctx, c, variant)
		if err != nil || len(round.DropConfig)+len(round.DropPackets) == 0 {
			return c, round, err
		}
		if round.Unsupported != nil {
			command, _, _ := strings.Cut(c.Config[round.DropConfig[0]], " ")
			leave(command, round.Unsupported)
			c = c.Clone()
			c.Config = slices.DeleteFunc(c.Config, func(l string) bool { return strings.HasPrefix(l, command+" ") })
			continue
		}
		c = without(c, round)
	}
}

// without returns a case without what a round could not compare.
func without(c *fuzz.Case, round *Round) *fuzz.Case {
	c = c.Clone()
	for _, i := range slices.Backward(round.DropConfig) {
		if i >= len(c.Config)-c.Late {
			c.Late--
		}
		c.Config = slices.Delete(c.Config, i, i+1)
	}
	for _, i := range slices.Backward(round.DropPackets) {
		c.Packets = slices.Delete(c.Packets, i, i+1)
		if i < c.Pause {
			c.Pause--
		}
	}
	return c
}

// shrink makes a case small for which the engines differ. What it finds differs in the same kind of thing.
func (r *Rivals) shrink(ctx context.Context, c *fuzz.Case, variant Variant, first *Round) (*Found, error) {
	kind := first.Difference.Kind
	if at := first.Difference.At; kind == "packets" && at >= 0 {
		c = c.Clone()
		c.Packets = c.Packets[:at+1]
	}
	var failure error
	small := fuzz.Shrink(c, mostShrinks, func(c *fuzz.Case) bool {
		if failure = errors.Join(failure, ctx.Err()); failure != nil {
			return false
		}
		round, err := r.Compare(ctx, c, variant)
		return err == nil && round.Difference != nil && round.Difference.Kind == kind
	})
	if failure != nil {
		return nil, failure
	}
	round, err := r.Compare(ctx, small, variant)
	if err != nil {
		return nil, err
	}
	found := &Found{Case: small, Difference: round.Difference}
	if found.Difference == nil { // it comes and goes
		found.Difference = first.Difference
	}
	for _, out := range round.Expected {
		var lines []string
		for _, o := range out {
			lines = append(lines, fmt.Sprintf("expect %d %x$", o.Port, o.Packet))
		}
		found.expected = append(found.expected, lines)
	}
	return found, nil
}

// text writes the case with what the interpreter does.
func (f *Found) text(seed uint64, program string) string {
	comment := fmt.Sprintf("%s: interp and bpf (%s) differ in %s (seed %d, case %d).\n%s", program, f.Variant, f.Difference.Kind,
		seed, f.Number, f.Difference.Text)
	return f.Case.Text(comment, f.expected, append([]string{"no_packet"}, f.Difference.Checks...))
}
