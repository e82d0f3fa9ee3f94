package offload

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// plan says which entries of a table belong into hardware. The set is closed: with an entry it has every other
// that wins over it for some packet.
type plan struct {
	place map[*item]bool
	why   map[*item]string // of the others
	// complete: all entries are in place, so the table's default entry belongs there too.
	complete bool
}

// order says which entries are preferred when not all fit.
type order int

const (
	// firstCome leaves what is in hardware there, and fills up in the order of insertion.
	firstCome order = iota
	// mostHit prefers what is hit most, per entry that it takes.
	mostHit
)

// newPlan makes the plan for a table with these entries. Room is the most entries that the hardware takes,
// negative for any number; closed says why nothing goes into hardware at all, "" if something may.
func newPlan(t *pipeline.Table, items []*item, room int, closed string, o order) *plan {
	p := &plan{place: make(map[*item]bool, len(items)), why: make(map[*item]string)}
	if closed != "" {
		for _, it := range items {
			p.why[it] = closed
		}
		p.complete = len(items) == 0 // a table without entries is nothing but its default action
		return p
	}
	rel := newRelation(t, items)
	fit := p.eligible(rel, items, ambiguous(t, items))
	switch {
	case room < 0 || len(fit) <= room:
		for _, it := range fit {
			p.place[it] = true
		}
	case o == mostHit:
		newChooser(p, rel, fit, room).mostHit()
	default:
		newChooser(p, rel, fit, room).firstCome()
	}
	for _, it := range fit {
		if !p.place[it] {
			p.why[it] = fmt.Sprintf("hardware table is full (room for %d of %d entries)", room, len(items))
		}
	}
	p.complete = len(p.place) == len(items)
	return p
}

// eligible returns the entries that may go into hardware as far as room permits, in order, and notes why the
// others may not.
func (p *plan) eligible(rel relation, items []*item, unclear map[*item]bool) []*item {
	for _, it := range items {
		if why := ownReason(it, unclear[it]); why != "" {
			p.why[it] = why
		}
	}
	own := make([]*item, 0, len(p.why))
	for _, it := range items {
		if p.why[it] != "" {
			own = append(own, it)
		}
	}
	for len(own) > 0 {
		it := own[len(own)-1]
		own = own[:len(own)-1]
		rel.losers(it, func(loser *item) {
			if p.why[loser] == "" {
				p.why[loser] = "an entry that wins over it stays in software"
				own = append(own, loser)
			}
		})
	}
	return slices.DeleteFunc(slices.Clone(items), func(it *item) bool { return p.why[it] != "" })
}

// ownReason says why an entry stays in software for reasons of its own, or "".
func ownReason(it *item, unclear bool) string {
	switch {
	case it.entry.SkipHW:
		return "skip_hw"
	case it.refused != "":
		return "the device refuses it: " + it.refused
	case unclear:
		return "another entry of the same priority overlaps, so it is open which one wins"
	case it.entry.Member != nil || it.entry.Group != nil:
		return "members and groups are kept in software"
	}
	return ""
}

// chooser picks a closed set of at most room entries.
type chooser struct {
	plan *plan
	rel  relation
	fit  []*item
	may  map[*item]bool // members of fit
	room int
}

func newChooser(p *plan, rel relation, fit []*item, room int) *chooser {
	c := &chooser{plan: p, rel: rel, fit: fit, may: make(map[*item]bool, len(fit)), room: room}
	for _, it := range fit {
		c.may[it] = true
	}
	return c
}

// missing returns an entry with all that win over it, as far as they are not in the plan; nil where these are
// more than limit.
func (c *chooser) missing(it *item, limit int) []*item {
	if c.plan.place[it] {
		return nil
	}
	seen := map[*item]bool{it: true}
	need := []*item{it}
	for i := 0; i < len(need) && len(need) <= limit; i++ {
		c.rel.winners(need[i], func(w *item) {
			if !seen[w] && !c.plan.place[w] {
				seen[w] = true
				need = append(need, w)
			}
		})
	}
	if len(need) > limit {
		return nil
	}
	return need
}

// take adds entries to the plan.
func (c *chooser) take(need []*item) {
	for _, it := range need {
		c.plan.place[it] = true
	}
}

// firstCome keeps pinned entries, then what is in hardware and can stay without a newcomer, then fills up.
func (c *chooser) firstCome() {
	c.pinned()
	for _, it := range c.fit {
		need := c.missing(it, c.room-len(c.plan.place))
		if it.inHW != nil && !slices.ContainsFunc(need, func(w *item) bool { return w.inHW == nil }) {
			c.take(need)
		}
	}
	for _, it := range c.fit {
		if left := c.room - len(c.plan.place); left > 0 {
			c.take(c.missing(it, left))
		}
	}
}

// pinned takes the entries that live nowhere else.
func (c *chooser) pinned() {
	for _, it := range c.fit {
		if it.entry.SkipSW {
			c.take(c.missing(it, c.room-len(c.plan.place)))
		}
	}
}

// mostHit takes the entries with the most hits per entry that has to come along.
func (c *chooser) mostHit() {
	c.pinned()
	density := make(map[*item]float64, len(c.fit))
	for _, it := range c.fit {
		need := c.missing(it, c.room)
		var hits uint64
		for _, w := range need {
			hits += w.swCount.Packets + w.hwCount.Packets
		}
		if len(need) > 0 {
			density[it] = float64(hits) / float64(len(need))
		}
	}
	sorted := slices.SortedStableFunc(slices.Values(c.fit), func(a, b *item) int {
		return cmp.Compare(density[b], density[a])
	})
	for _, it := range sorted {
		if left := c.room - len(c.plan.place); left > 0 {
			c.take(c.missing(it, left))
		}
	}
}
