package interp_test

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// A program that sends every packet to port 7, made by hand; firmware/bmv2 reads compiled ones.
func ExampleSwitch_Process() {
	spec := &pipeline.Field{Name: "egress_spec", Width: 9}
	std := standardMetadata(spec)
	send := &pipeline.Action{Name: "send", Body: []pipeline.Primitive{{
		Op:   pipeline.OpAssign,
		Args: []pipeline.Expr{&pipeline.FieldRef{Header: std, Field: spec}, number(7)},
	}}}
	sw, err := interp.New(oneAction(std, send), interp.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := sw.Process(1, []byte("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range out {
		fmt.Printf("port %d: %s\n", o.Port, o.Packet)
	}
	// Output:
	// port 7: hello
}
