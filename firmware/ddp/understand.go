package ddp

import "slices"

// Wanted is a header that another parser finds in a packet.
type Wanted struct {
	Name   string `json:"name"`
	Offset int    `json:"offset"` // bytes
	Bytes  int    `json:"bytes"`
}

// Seen is what a DDP parser made of a header that another parser finds.
type Seen struct {
	Wanted
	State SeenState `json:"state"`
	As    string    `json:"as,omitempty"` // protocols at the same offset, of SeenFound
}

// SeenState says whether a header was seen.
type SeenState string

// The states.
const (
	SeenFound  SeenState = "found"  // a protocol begins where the header does
	SeenPassed SeenState = "passed" // none does, but the parser found one behind it: it knows how to get over the header
	SeenNot    SeenState = "unseen" // the parser stopped before
)

// Understand compares what another parser finds in a packet with a result for the same packet. The protocols have other
// names and lie where the hardware counts them from, so that places are compared, and names shown.
func Understand(headers []Wanted, r *Result) []Seen {
	var list []Seen
	for _, h := range headers {
		s := Seen{Wanted: h, State: SeenNot}
		for _, p := range r.Headers {
			switch {
			case p.Offset == h.Offset:
				s.State = SeenFound
				if s.As != "" {
					s.As += " "
				}
				s.As += p.Name
			case p.Offset > h.Offset && s.State == SeenNot:
				s.State = SeenPassed
			}
		}
		list = append(list, s)
	}
	return list
}

// Worst returns the state of the header that was understood least; SeenFound without headers.
func Worst(list []Seen) SeenState {
	for _, state := range []SeenState{SeenNot, SeenPassed} {
		if slices.ContainsFunc(list, func(s Seen) bool { return s.State == state }) {
			return state
		}
	}
	return SeenFound
}
