package demo

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/p4dev/p4dev/offload"
)

// Options of Run.
type Options struct {
	Out io.Writer    // what is done, for people; nil: nobody
	Log *slog.Logger // of the parts; nil: silent
}

// RouteResult is what became of the packets along one route, and where its entry was.
type RouteResult struct {
	Prefix string `json:"prefix"`
	Place  string `json:"place"` // "hw+sw" or "sw"
	Why    string `json:"why,omitempty"`
	Tally
}

// Phase is a part of the demonstration with one state of the gate.
type Phase struct {
	Name   string        `json:"name"`
	Gate   offload.Gate  `json:"gate"`
	Routes []RouteResult `json:"routes"`
	Tally
}

// Result is what the demonstration showed.
type Result struct {
	Tally
	Gate    string  `json:"gate"` // at the end
	Phases  []Phase `json:"phases"`
	Seconds float64 `json:"seconds"`
}

// Tally counts packets by what became of them.
type Tally struct {
	Sent  int `json:"sent"`
	HW    int `json:"hw"`    // forwarded by the device
	SW    int `json:"sw"`    // forwarded by eBPF
	Lost  int `json:"lost"`  // not seen at the far end
	Wrong int `json:"wrong"` // seen there with other bytes, or more than once
}

func (t *Tally) add(u Tally) {
	t.Sent += u.Sent
	t.HW += u.HW
	t.SW += u.SW
	t.Lost += u.Lost
	t.Wrong += u.Wrong
}

// OK reports whether every packet arrived once and unharmed.
func (t Tally) OK() bool { return t.Lost == 0 && t.Wrong == 0 && t.Sent > 0 }

func (p Phase) text(w io.Writer) {
	fmt.Fprintf(w, "\n%s; gate %s\n", p.Name, p.Gate.State)
	fmt.Fprintf(w, "  %-18s %-6s %6s %6s %6s %6s %6s\n", "route", "place", "sent", "hw", "ebpf", "lost", "wrong")
	for _, r := range p.Routes {
		fmt.Fprintf(w, "  %-18s %-6s %6d %6d %6d %6d %6d\n", r.Prefix, r.Place, r.Sent, r.HW, r.SW, r.Lost, r.Wrong)
	}
}
