package bpfgen

import (
	"fmt"
	"testing"
)

func TestDbg(t *testing.T) {
	o, err := Compile(openProgram(t, "l2switch"), Options{})
	fmt.Println(err)
	for i, ins := range o.Spec.Programs["xdp"].Instructions {
		if i > 515 && i < 530 {
			fmt.Printf("%d %v %v\n", i, ins, ins.OpCode)
		}
	}
}

func TestDbg2(t *testing.T) {
	o, _ := Compile(openProgram(t, "l2switch"), Options{})
	for _, s := range o.Stages {
		if s.Name == "xdp/stack" {
			fmt.Println(s.Text)
		}
	}
}
