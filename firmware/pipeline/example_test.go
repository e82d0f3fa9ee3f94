package pipeline_test

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

func ExampleParseMatch() {
	key := &pipeline.Key{Name: "hdr.ipv4.dst_addr", Kind: pipeline.MatchLPM, Width: 32}
	m, err := pipeline.ParseMatch(key, "10.0.0.0/8")
	fmt.Println(m.Value, m.Prefix, err)
	_, err = pipeline.ParseMatch(key, "10.0.0.1/8")
	fmt.Println(err)
	// Output:
	// [10 0 0 0] 8 <nil>
	// pipeline: parse match: key hdr.ipv4.dst_addr: want VALUE/LENGTH or *, VALUE an IPv4 address such as 10.0.0.1: bits behind the prefix of 8 are set: match does not fit the key
}

func ExampleParseEntry() {
	route := &pipeline.Action{Name: "ingress.route", Params: []*pipeline.ActionParam{{Name: "port", Width: 9}}}
	prog := &pipeline.Program{Tables: []*pipeline.Table{{
		Name:    "ingress.routes",
		Keys:    []*pipeline.Key{{Name: "hdr.ipv4.dst_addr", Kind: pipeline.MatchLPM, Width: 32}},
		Match:   pipeline.MatchLPM,
		Actions: []*pipeline.Action{route},
	}}}
	e, err := pipeline.ParseEntry(prog, "routes", []string{"10.0.0.0/8"}, "route", []string{"port=3"}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pipeline.FormatEntry(e))
	// Output: hdr.ipv4.dst_addr=10.0.0.0/8 ingress.route port=3
}

func ExampleExprString() {
	ipv4 := &pipeline.Header{Name: "ipv4"}
	x := &pipeline.Unary{Op: pipeline.OpNot, X: &pipeline.Unary{Op: pipeline.OpValid, X: &pipeline.HeaderRef{Header: ipv4}}}
	fmt.Println(pipeline.ExprString(x))
	// Output: !ipv4.isValid()
}
