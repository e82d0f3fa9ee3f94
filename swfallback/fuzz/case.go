package fuzz

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/swfallback/stf"
)

// Case is a packet test without expectations.
type Case struct {
	Config  []string // lines of configuration, as package stf reads them
	Packets []Packet
	// Late is how many of the last lines of Config come behind the first Pause packets; the others come in front of all.
	Late, Pause int
}

// A Part is a run of lines of Config, from From[0] to To[0], and the packets behind them, from From[1] to To[1].
type Part struct{ From, To [2]int }

// Parts returns the case in the order in which it is played.
func (c *Case) Parts() [2]Part {
	all := [2]int{len(c.Config), len(c.Packets)}
	middle := [2]int{max(0, all[0]-c.Late), min(c.Pause, all[1])}
	return [2]Part{{To: middle}, {From: middle, To: all}}
}

// Packet goes into a port.
type Packet struct {
	Port uint32
	Data []byte
}

// Clone copies the case so that either may be changed.
func (c *Case) Clone() *Case {
	out := &Case{Config: slices.Clone(c.Config), Packets: slices.Clone(c.Packets), Late: c.Late, Pause: c.Pause}
	for i := range out.Packets {
		out.Packets[i].Data = slices.Clone(out.Packets[i].Data)
	}
	return out
}

// Line returns the packet as a line of a test.
func (p Packet) Line() string { return fmt.Sprintf("packet %d %s", p.Port, hex.EncodeToString(p.Data)) }

// Text returns the case as a test. comment stands on top, a line for each of its lines; behind is what follows each
// packet, by the packet's index, and last what follows all of them. Both may be nil.
func (c *Case) Text(comment string, behind [][]string, last []string) string {
	var b strings.Builder
	for _, l := range strings.Split(comment, "\n") {
		if l != "" {
			fmt.Fprintf(&b, "# %s\n", l)
		}
	}
	lines := func(list []string) {
		for _, l := range list {
			fmt.Fprintln(&b, l)
		}
	}
	for _, part := range c.Parts() {
		lines(c.Config[part.From[0]:part.To[0]])
		for i := part.From[1]; i < part.To[1]; i++ {
			fmt.Fprintln(&b, c.Packets[i].Line())
			if i < len(behind) {
				lines(behind[i])
			}
		}
	}
	lines(last)
	return b.String()
}

// Test returns the case as a test of a name. The error says that a line of Config cannot be read.
func (c *Case) Test(name string) (*stf.Test, error) {
	return stf.Read(name, []byte(c.Text("", nil, nil)))
}
