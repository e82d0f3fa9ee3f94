package ddp_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/ddp"
)

func TestGraph(t *testing.T) {
	_, s := small(t)
	p, err := s.Parser(false)
	if err != nil {
		t.Fatal(err)
	}
	g := p.Graph()
	var edges []string
	for _, e := range g.Edges {
		edges = append(edges, fmt.Sprintf("%s [%s] %s", g.Nodes[e.From].Name, e.Label, g.Nodes[e.To].Name))
	}
	want := []string{
		"start [] MAC",
		"MAC [default] done",
		"MAC [MAC_VLAN_DVM_8100 (of 2) 0x0800] IPV4",
		"MAC [MAC_VLAN_DVM_8100 (of 2) default] done",
		"MAC [MAC_IPV4 0x0006] TCP",
		"MAC [MAC_IPV4 0x0011] UDP",
		"MAC [MAC_IPV4 default] done",
		"IPV4 [0x0006] TCP",
		"IPV4 [0x0011] UDP",
		"IPV4 [default] done",
		"TCP [] done",
		"UDP [] done",
		"UDP [TNL_VXLAN_PF0_0] done",
	}
	if diff := cmp.Diff(want, edges); diff != "" {
		t.Errorf("edges, -want +got:\n%s", diff)
	}
	mac := g.Nodes[1]
	rows := []string{"instruction ETYPE", "header MAC_DEPTH0, ETYPE_DEPTH0+12", "header MAC_DEPTH0, VLAN_EXTERNAL+14, ETYPE_DEPTH0+16",
		"header MAC_DEPTH0, ETYPE_DEPTH0+12, IPV4_DEPTH0+14", "MAC_VLAN_DVM_8100 (of 2) takes 16 bits from bit 32 on",
		"MAC_IPV4 takes 8 bits from bit 88 on"}
	if diff := cmp.Diff(rows, mac.Rows); diff != "" || mac.Select != "boost TCAM, next protocol" {
		t.Errorf("node MAC selects %q; rows, -want +got:\n%s", mac.Select, diff)
	}
}

// TestRealGraphs: every node of Intel's parsers has a name, and they can be drawn.
func TestRealGraphs(t *testing.T) {
	eachParser(t, func(t *testing.T, p *ddp.Parser) {
		g := p.Graph()
		for _, n := range g.Nodes {
			if strings.HasPrefix(n.Name, "#") {
				t.Errorf("node %q has no name", n.Name)
			}
		}
		if len(g.Nodes) < 25 || len(g.Edges) < 150 {
			t.Errorf("%d nodes, %d edges", len(g.Nodes), len(g.Edges))
		}
		var b bytes.Buffer
		if err := g.SVG(&b); err != nil {
			t.Error(err)
		}
	})
}
