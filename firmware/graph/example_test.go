package graph_test

import (
	"os"

	"github.com/p4dev/p4dev/firmware/graph"
)

func ExampleGraph_Text() {
	g := &graph.Graph{
		Name: "switch",
		Nodes: []graph.Node{
			{Kind: graph.Start, Name: "start"},
			{Name: "ethernet", Rows: []string{"extract ethernet (14 bytes)"}, Select: "ethernet.type"},
			{Name: "ipv4", Rows: []string{"extract ipv4 (20 bytes)"}},
			{Kind: graph.Accept, Name: "accept"},
		},
		Edges: []graph.Edge{{From: 0, To: 1}, {From: 1, To: 2, Label: "0x0800"}, {From: 1, To: 3, Label: "default"}, {From: 2, To: 3}},
	}
	if err := g.Text(os.Stdout); err != nil {
		panic(err)
	}
	// Output:
	// switch
	//
	//   -> ethernet
	//
	// ethernet
	//     extract ethernet (14 bytes)
	//     select ethernet.type
	//         0x0800  -> ipv4
	//         default -> accept
	//
	// ipv4
	//     extract ipv4 (20 bytes)
	//         -> accept
}
