package p4rt_test

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload/p4rt"
)

func ExampleSchema() {
	p := newTestProgram()
	schema, err := p4rt.NewSchema(p.Program, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := schema.EncodeEntry(&pipeline.Entry{Table: p.lpm, Call: &pipeline.ActionCall{Action: p.drop},
		Match: []pipeline.Match{{Value: []byte{0, 5}}, {Value: []byte{10, 0, 0, 0}, Prefix: 8}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range message.GetMatch() {
		fmt.Printf("field %d: %x %x/%d\n", m.GetFieldId(), m.GetExact().GetValue(), m.GetLpm().GetValue(), m.GetLpm().GetPrefixLen())
	}
	// Output:
	// field 1: 05 /0
	// field 2:  0a000000/8
}
