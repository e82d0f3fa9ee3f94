package bpftest

import (
	"fmt"
	"os"

	"github.com/p4dev/p4dev/swfallback/bpfrun/wires"
)

// probe tries what name stands for and returns why it cannot be had.
func probe(name string) error {
	switch name {
	case "root":
		if id := os.Geteuid(); id != 0 {
			return fmt.Errorf("effective user id is %d", id)
		}
		return nil
	case "bpf":
		return wires.ProbeBPF()
	case "netns":
		return wires.ProbePorts()
	}
	return fmt.Errorf("no such requirement %q", name)
}
