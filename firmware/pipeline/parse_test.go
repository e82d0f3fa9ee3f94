package pipeline_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

func TestParseEntry(t *testing.T) {
	router, selector := open(t, "l3router"), open(t, "features/selector")
	tests := []struct {
		name     string
		prog     *pipeline.Program
		table    string
		keys     []string
		action   string
		args     []string
		priority int32
		want     string // FormatEntry
	}{
		{"positional", router, "ipv4_lpm", []string{"10.0.0.0/8"}, "set_nexthop", []string{"7"}, 0,
			"hdr.ipv4.dst_addr=10.0.0.0/8 router_ingress.set_nexthop nexthop_id=7"},
		{"named", router, "router_ingress.ipv4_lpm", []string{"hdr.ipv4.dst_addr=10.1.0.1"}, "router_ingress.set_nexthop",
			[]string{"nexthop_id=7"}, 0, "hdr.ipv4.dst_addr=10.1.0.1/32 router_ingress.set_nexthop nexthop_id=7"},
		{"short names, some keys", router, "acl", []string{"l4_dst_port=80..90", "protocol=6"}, "drop", nil, 5,
			"std_meta.ingress_port=* hdr.ipv4.src_addr=* hdr.ipv4.dst_addr=* hdr.ipv4.protocol=6 " +
				"meta.l4_src_port=* meta.l4_dst_port=80..90 priority 5 router_ingress.drop"},
		{"default route", router, "ipv6_lpm", nil, "to_host", nil, 0, "hdr.ipv6.dst_addr=* router_ingress.to_host"},
		{"addresses as arguments", router, "nexthop", []string{"3"}, "forward",
			[]string{"2", "dmac=02:00:00:00:00:02", "smac=02:00:00:00:00:01"}, 0,
			"meta.nexthop_id=3 router_ingress.forward port=2 smac=02:00:00:00:00:01 dmac=02:00:00:00:00:02"},
		{"member", selector, "profiled", []string{"1"}, "member", []string{"4"}, 0, ""},
		{"group", selector, "grouped", []string{"1"}, "group", []string{"2"}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := pipeline.ParseEntry(tt.prog, tt.table, tt.keys, tt.action, tt.args, tt.priority)
			if err != nil {
				t.Fatal(err)
			}
			text := pipeline.FormatEntry(e)
			if tt.want != "" && text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
			if tt.want == "" && !strings.HasSuffix(text, " "+tt.action+" "+tt.args[0]) {
				t.Errorf("got %s", text)
			}
		})
	}
}

func TestParseEntryErrors(t *testing.T) {
	router, selector := open(t, "l3router"), open(t, "features/selector")
	tests := []struct {
		name     string
		prog     *pipeline.Program
		table    string
		keys     []string
		action   string
		args     []string
		priority int32
		want     error
		text     string // in the message
	}{
		{"table", router, "lpm", nil, "drop", nil, 0, pipeline.ErrNoTable, "router_ingress.ipv4_lpm"},
		{"hidden table", router, "drop", nil, "drop", nil, 0, pipeline.ErrNoTable, ""},
		{"action", router, "ipv4_lpm", []string{"10.0.0.0/8"}, "forward", nil, 0, pipeline.ErrNoAction, "router_ingress.set_nexthop"},
		{"key name", router, "ipv4_lpm", []string{"dest=10.0.0.0/8"}, "drop", nil, 0, pipeline.ErrBadMatch, "hdr.ipv4.dst_addr"},
		{"key twice", router, "ipv4_lpm", []string{"10.0.0.0/8", "dst_addr=10.0.0.0/8"}, "drop", nil, 0, pipeline.ErrBadMatch, "twice"},
		{"key too many", router, "ipv4_lpm", []string{"10.0.0.0/8", "1"}, "drop", nil, 0, pipeline.ErrBadMatch, "only 1"},
		{"exact key missing", router, "my_station", []string{"dst_addr=02:00:00:00:00:01"}, "route", nil, 0,
			pipeline.ErrBadMatch, "std_meta.ingress_port is missing"},
		{"no name behind name", router, "my_station", []string{"ingress_port=1", "02:00:00:00:00:01"}, "route", nil, 0,
			pipeline.ErrBadMatch, "without a name"},
		{"parameter missing", router, "nexthop", []string{"1"}, "forward", []string{"1", "02:00:00:00:00:01"}, 0,
			pipeline.ErrBadAction, "dmac"},
		{"parameter name", router, "nexthop", []string{"1"}, "forward", []string{"mac=1"}, 0, pipeline.ErrBadAction, "smac"},
		{"argument", router, "nexthop", []string{"1"}, "forward", []string{"512", "1", "1"}, 0, pipeline.ErrBadRange, "port"},
		{"no priority", router, "acl", nil, "drop", nil, 0, pipeline.ErrNoPriority, ""},
		{"priority", router, "ipv4_lpm", []string{"10.0.0.0/8"}, "drop", nil, 1, pipeline.ErrBadRange, ""},
		{"no key", router, "tbl_drop", nil, "drop", nil, 0, pipeline.ErrBadMatch, "no key"},
		{"action in profile", selector, "profiled", []string{"1"}, "drop", nil, 0, pipeline.ErrBadAction, "member NUMBER"},
		{"group without selector", selector, "profiled", []string{"1"}, "group", []string{"1"}, 0, pipeline.ErrBadAction, "selector"},
		{"member is a word", selector, "profiled", []string{"1"}, "member", []string{"one"}, 0, pipeline.ErrBadAction, "member NUMBER"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := pipeline.ParseEntry(tt.prog, tt.table, tt.keys, tt.action, tt.args, tt.priority)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, %v, want %v", e, err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%q is missing in: %v", tt.text, err)
			}
			if e != nil {
				t.Error("an entry beside the error")
			}
		})
	}
}

// TestParseEntryAll sees that keys, action and arguments are all looked at.
func TestParseEntryAll(t *testing.T) {
	_, err := pipeline.ParseEntry(open(t, "l3router"), "nexthop", nil, "forward", []string{"port=512"}, 0)
	for _, want := range []error{pipeline.ErrBadMatch, pipeline.ErrBadRange, pipeline.ErrBadAction} {
		if !errors.Is(err, want) {
			t.Errorf("%v is missing in %v", want, err)
		}
	}
}

func TestNotation(t *testing.T) {
	annotated := &pipeline.Key{Name: "k", Width: 128, Annotations: []pipeline.Annotation{{Name: "format", Body: "IPV6_ADDRESS"}}}
	wrong := &pipeline.Key{Name: "k", Width: 16, Annotations: []pipeline.Annotation{{Name: "format", Body: "IPV4_ADDRESS"}}}
	tests := []struct {
		key  *pipeline.Key
		want pipeline.Notation
	}{
		{key("hdr.ethernet.dstAddr", pipeline.MatchExact, 48), pipeline.NotationMAC},
		{key("meta.ingress_timestamp", pipeline.MatchExact, 48), pipeline.NotationHex},
		{key("hdr.ipv4.srcAddr", pipeline.MatchExact, 32), pipeline.NotationIPv4},
		{key("hdr.ipv4.identification", pipeline.MatchExact, 32), pipeline.NotationDecimal},
		{key("hdr.gtp.teid", pipeline.MatchExact, 32), pipeline.NotationDecimal},
		{key("hdr.ethernet.etherType", pipeline.MatchExact, 16), pipeline.NotationHex},
		{key("hdr.tcp.dst_port", pipeline.MatchExact, 16), pipeline.NotationDecimal},
		{key("long.a", pipeline.MatchExact, 128), pipeline.NotationIPv6},
		{key("flow.hash", pipeline.MatchExact, 128), pipeline.NotationHex},
		{annotated, pipeline.NotationIPv6},
		{wrong, pipeline.NotationHex},
		{key("x", pipeline.MatchValid, 1), pipeline.NotationBool},
		{&pipeline.Key{Width: 1, Expr: &pipeline.ValidRef{}}, pipeline.NotationBool},
	}
	for _, tt := range tests {
		if got := tt.key.Notation(); got != tt.want {
			t.Errorf("%s, %d bits: got %d, want %d", tt.key.Name, tt.key.Width, got, tt.want)
		}
	}
}

func TestLookups(t *testing.T) {
	p := &pipeline.Program{
		Tables: []*pipeline.Table{
			{Name: "a.b.t"}, {Name: "a.c.t"}, {Name: "a.u", Alias: "short"}, {Name: "x.short"}, {Name: "t2.hidden", Hidden: true},
		},
		Counters: []*pipeline.Counter{{Name: "a.hits"}},
	}
	for name, want := range map[string]string{
		"a.b.t": "a.b.t", "c.t": "a.c.t", "u": "a.u", "short": "a.u", "x.short": "x.short", "t2.hidden": "t2.hidden",
	} {
		if got, err := p.TableByName(name); err != nil || got.Name != want {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"t", "hidden", "", ".t", "a"} {
		if got, err := p.TableByName(name); !errors.Is(err, pipeline.ErrNoTable) {
			t.Errorf("%q: got %v, %v, want ErrNoTable", name, got, err)
		}
	}
	_, err := p.TableByName("t")
	if want := `pipeline: find table "t": no such table: it may be a.b.t, a.c.t`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if c, err := p.CounterByName("hits"); err != nil || c != p.Counters[0] {
		t.Errorf("got %v, %v", c, err)
	}
	if _, err := p.MeterByName("hits"); !errors.Is(err, pipeline.ErrNoObject) {
		t.Errorf("got %v, want ErrNoObject", err)
	}
}

func TestFieldByName(t *testing.T) {
	p := open(t, "l3router")
	for name, want := range map[string]string{
		"ipv4.ttl":                     "ipv4.ttl",
		"scalars.metadata_t.routed":    "scalars.metadata_t.routed",
		"intrinsic_metadata.mcast_grp": "standard_metadata.mcast_grp",
		"ipv4.nothing":                 "",
		"nothing.ttl":                  "",
		"ttl":                          "",
	} {
		got := ""
		if ref := p.FieldByName(name); ref != nil {
			got = pipeline.ExprString(ref)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestProgramEntries sees that what a compiler put into tables passes the check and is read back from text.
func TestProgramEntries(t *testing.T) {
	entries := 0
	for _, name := range ownPrograms(t) {
		p := open(t, name)
		for _, table := range p.Tables {
			for _, e := range table.Entries {
				entries++
				if err := pipeline.CheckEntry(e); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				var keys, args []string
				for i, k := range table.Keys {
					keys = append(keys, k.Name+"="+pipeline.FormatMatch(k, e.Match[i]))
				}
				for i, param := range e.Call.Action.Params {
					args = append(args, param.Name+"="+pipeline.FormatArg(param, e.Call.Args[i]))
				}
				got, err := pipeline.ParseEntry(p, table.Name, keys, e.Call.Action.Name, args, e.Priority)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if diff := cmp.Diff(e.Match, got.Match); diff != "" {
					t.Errorf("%s, table %s (-want +got):\n%s", name, table.Name, diff)
				}
				if diff := cmp.Diff(e.Call.Args, got.Call.Args); diff != "" {
					t.Errorf("%s, table %s: arguments (-want +got):\n%s", name, table.Name, diff)
				}
			}
		}
	}
	if entries < 20 {
		t.Errorf("only %d entries seen", entries)
	}
}
