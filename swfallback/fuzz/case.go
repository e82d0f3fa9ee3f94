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
}

// Packet goes into a port.
type Packet struct {
	Port uint32
	Data []byte
}

// Clone copies the case so that either may be changed.
func (c *Case) Clone() *Case {
	out := &Case{Config: slices.Clone(c.Config), Packets: slices.Clone(c.Packets)}
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
	for _, l := range c.Config {
		fmt.Fprintln(&b, l)
	}
	for i, p := range c.Packets {
		fmt.Fprintln(&b, p.Line())
		if i < len(behind) {
			for _, l := range behind[i] {
				fmt.Fprintln(&b, l)
			}
		}
	}
	for _, l := range last {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

// Test returns the case as a test of a name. The error says that a line of Config cannot be read.
func (c *Case) Test(name string) (*stf.Test, error) {
	return stf.Read(name, []byte(c.Text("", nil, nil)))
}
