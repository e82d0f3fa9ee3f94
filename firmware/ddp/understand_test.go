package ddp_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/ddp"
)

func TestUnderstand(t *testing.T) {
	r := &ddp.Result{Headers: []ddp.Header{{Name: "MAC_DEPTH0"}, {Name: "ETYPE_DEPTH0", Offset: 12}, {Name: "UDP_DEPTH0", Offset: 34},
		{Name: "MAC_DEPTH1", Offset: 50}}}
	tests := []struct {
		headers []ddp.Wanted
		want    []ddp.SeenState
		worst   ddp.SeenState
	}{
		{nil, nil, ddp.SeenFound},
		{[]ddp.Wanted{{Name: "eth"}, {Name: "udp", Offset: 34}}, []ddp.SeenState{ddp.SeenFound, ddp.SeenFound}, ddp.SeenFound},
		{[]ddp.Wanted{{Name: "eth"}, {Name: "vxlan", Offset: 42}, {Name: "inner", Offset: 50}},
			[]ddp.SeenState{ddp.SeenFound, ddp.SeenPassed, ddp.SeenFound}, ddp.SeenPassed},
		{[]ddp.Wanted{{Name: "udp", Offset: 34}, {Name: "mine", Offset: 64}}, []ddp.SeenState{ddp.SeenFound, ddp.SeenNot}, ddp.SeenNot},
	}
	for _, tt := range tests {
		var states []ddp.SeenState
		seen := ddp.Understand(tt.headers, r)
		for _, s := range seen {
			states = append(states, s.State)
		}
		if diff := cmp.Diff(tt.want, states); diff != "" || ddp.Worst(seen) != tt.worst {
			t.Errorf("%v: worst %s, -want +got:\n%s", tt.headers, ddp.Worst(seen), diff)
		}
	}
}
