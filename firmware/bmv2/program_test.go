package bmv2_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// own opens one of our own programs with its P4Info.
func own(t testing.TB, name string) *pipeline.Program {
	t.Helper()
	return open(t, filepath.Join(ownPrograms, name+".json"))
}

func table(t testing.TB, p *pipeline.Program, name string) *pipeline.Table {
	t.Helper()
	tab, err := p.TableByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// TestPriorities sees that the order of entries survives: the smallest number wins in JSON, the largest in
// the model.
func TestPriorities(t *testing.T) {
	keys := own(t, "features/keys")
	var late *pipeline.Table
	for _, tab := range keys.Tables {
		// The one with @priority: JSON has 3, 1, 2.
		if len(tab.Entries) == 3 && tab.Entries[0].Match[0].Mask != nil {
			late = tab
		}
	}
	if late == nil {
		t.Fatal("no table with priorities")
	}
	var got []int32
	for _, e := range late.Entries {
		got = append(got, e.Priority)
	}
	if want := []int32{1, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("priorities %v, want %v", got, want)
	}
	for _, tab := range keys.Tables {
		for _, e := range tab.Entries {
			if (e.Priority > 0) != tab.NeedsPriority() {
				t.Errorf("table %s, %v: priority %d", tab.Name, tab.Match, e.Priority)
			}
		}
	}
}

func TestMatchKinds(t *testing.T) {
	keys := own(t, "features/keys")
	option := table(t, keys, "by_option")
	for _, k := range option.Keys {
		if k.Kind != pipeline.MatchOptional {
			t.Errorf("key %s is %v", k.Name, k.Kind)
		}
	}
	data, err := os.ReadFile(filepath.Join(ownPrograms, "features/keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := bmv2.Import(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range table(t, bare, "by_option").Keys {
		if k.Kind != pipeline.MatchTernary {
			t.Errorf("without P4Info: key %s is %v", k.Name, k.Kind)
		}
	}
	masked := 0
	for _, tab := range keys.Tables {
		for _, k := range tab.Keys {
			if k.Mask != nil && k.Mask.Int64() == 0x0ff0 {
				masked++
			}
			if _, ok := k.Expr.(*pipeline.ValidRef); ok && k.Width != 1 {
				t.Errorf("key %s: validity of %d bits", k.Name, k.Width)
			}
		}
	}
	if masked != 1 {
		t.Errorf("%d masked keys, want 1", masked)
	}
}

func TestValueSets(t *testing.T) {
	p := own(t, "features/value_set")
	services, err := p.ValueSetByName("services")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{8, 16}, services.Key); diff != "" || services.Width != 24 || services.Size != 4 {
		t.Errorf("services: %+v", services)
	}
	var labels []string
	for _, st := range p.Parsers[0].States {
		if st.Name != "parse_service" {
			continue
		}
		for i := range st.Next {
			labels = append(labels, pipeline.TransitionLabel(st, &st.Next[i]))
		}
	}
	want := []string{"0x06, 0x0050", "in vs_parser.services", "0x20 &&& 0xf0, *"}
	if len(labels) < 4 || !slices.Equal(labels[:3], want) || labels[len(labels)-1] != "default" {
		t.Errorf("transitions %q", labels)
	}
}

// TestDefaultLast gives a default transition first: BMv2 still tries the others before.
func TestDefaultLast(t *testing.T) {
	p, err := bmv2.Import([]byte(`{"__meta__": {"version": [2, 23]},
		"header_types": [{"name": "h_t", "id": 0, "fields": [["a", 12, false], ["b", 4, false]]}],
		"headers": [{"name": "h", "id": 0, "header_type": "h_t", "metadata": false}],
		"parsers": [{"name": "p", "id": 0, "init_state": "start", "parse_states": [{"name": "start", "id": 0,
			"parser_ops": [], "transition_key": [{"type": "field", "value": ["h", "a"]}, {"type": "field", "value": ["h", "b"]}],
			"transitions": [{"type": "default", "value": null, "mask": null, "next_state": null},
				{"type": "hexstr", "value": "0x0aba0f", "mask": "0x0fff03", "next_state": "start"},
				{"type": "hexstr", "value": "0x0aba0f", "mask": "0x0fff0f", "next_state": "start"}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	next := p.Parsers[0].States[0].Next
	if len(next) != 3 || next[2].Kind != pipeline.TransitionDefault {
		t.Fatalf("transitions %+v", next)
	}
	if v, m := next[0].Value, next[0].Mask; v[0].Int64() != 0xaba || v[1].Int64() != 3 || m[0] != nil || m[1].Int64() != 3 {
		t.Errorf("masked transition: %v &&& %v", v, m)
	}
	if next[1].Mask != nil {
		t.Errorf("a mask of all ones stays: %v", next[1].Mask)
	}
}

func TestReject(t *testing.T) {
	var rejects []string
	for _, st := range own(t, "features/unions").Parsers[0].States {
		if st.HasReject {
			rejects = append(rejects, st.Name)
		}
	}
	if !slices.Equal(rejects, []string{"bad_body"}) {
		t.Errorf("states that reject: %v", rejects)
	}
}

// TestCanonical sees that validity has one form as a boolean, and that conditions are booleans.
func TestCanonical(t *testing.T) {
	files := programs(t, ownPrograms)
	seen := 0
	for _, path := range files {
		p := open(t, path)
		for _, a := range p.Actions {
			for _, prim := range a.Body {
				for _, x := range prim.Args {
					seen += canonical(t, x)
				}
				if u, ok := prim.Args, prim.Op == pipeline.OpJumpIfZero; ok {
					if b, ok := u[0].(*pipeline.Unary); ok && b.Op == pipeline.OpBoolToData {
						t.Errorf("%s: a condition is a number", a.Name)
					}
				}
			}
		}
		for _, c := range p.Controls {
			for _, cond := range c.Conditionals {
				seen += canonical(t, cond.If)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d expressions with validity seen", seen)
	}
}

func canonical(t *testing.T, x pipeline.Expr) int {
	t.Helper()
	switch x := x.(type) {
	case *pipeline.Unary:
		if _, ok := x.X.(*pipeline.ValidRef); ok && x.Op == pipeline.OpDataToBool {
			t.Errorf("%s is not canonical", pipeline.ExprString(x))
		}
		if x.Op == pipeline.OpValid {
			return 1
		}
		return canonical(t, x.X)
	case *pipeline.Binary:
		return canonical(t, x.X) + canonical(t, x.Y)
	case *pipeline.Cond:
		return canonical(t, x.If)
	}
	return 0
}

// TestDerivedIDs compares the ids that a program without P4Info has with those that p4c gave it.
func TestDerivedIDs(t *testing.T) {
	compared := 0
	for _, path := range programs(t, ownPrograms) {
		with := open(t, path)
		without, err := bmv2.ImportFile(path)
		if err != nil {
			t.Fatal(err)
		}
		same := func(kind, name string, got, want uint32) {
			compared++
			if got != want {
				t.Errorf("%s: %s %s: id %#x, p4c's is %#x", filepath.Base(path), kind, name, got, want)
			}
		}
		for i, tab := range with.Tables {
			if tab.Hidden {
				continue // those with a key cannot be told without P4Info
			}
			same("table", tab.Name, without.Tables[i].ID, tab.ID)
			if without.Tables[i].Hidden {
				t.Errorf("%s: table %s is hidden without P4Info", filepath.Base(path), tab.Name)
			}
			for j, k := range tab.Keys {
				same("key", k.Name, without.Tables[i].Keys[j].ID, k.ID)
			}
		}
		for i, a := range with.Actions {
			if a.ID != 0 {
				same("action", a.Name, without.Actions[i].ID, a.ID)
			}
		}
		for i, c := range with.Counters {
			same("counter", c.Name, without.Counters[i].ID, c.ID)
		}
		for i, m := range with.Meters {
			same("meter", m.Name, without.Meters[i].ID, m.ID)
		}
		for i, r := range with.Registers {
			same("register", r.Name, without.Registers[i].ID, r.ID)
		}
		for i, d := range with.Digests {
			same("digest", d.Name, without.Digests[i].ID, d.ID)
		}
		for i, ap := range with.Profiles {
			same("profile", ap.Name, without.Profiles[i].ID, ap.ID)
		}
		for i, vs := range with.ValueSets {
			same("value set", vs.Name, without.ValueSets[i].ID, vs.ID)
		}
	}
	if compared < 200 {
		t.Errorf("only %d ids compared", compared)
	}
}

func TestBindings(t *testing.T) {
	router := own(t, "l3router")
	lpm := table(t, router, "ipv4_lpm")
	if lpm.Counter == nil || lpm.Counter.Table != lpm || lpm.Counter.Name != "router_ingress.ipv4_routes" {
		t.Errorf("counter of ipv4_lpm: %+v", lpm.Counter)
	}
	selector := own(t, "features/selector")
	policed := table(t, selector, "policed")
	if m := policed.Meter; m == nil || m.Table != policed || m.Size != policed.Size || m.Bytes || m.Target == nil {
		t.Errorf("meter of policed: %+v", m)
	}
	profiled, grouped := table(t, selector, "profiled"), table(t, selector, "grouped")
	if profiled.Profile == nil || profiled.Profile.Selector != nil {
		t.Errorf("profile of profiled: %+v", profiled.Profile)
	}
	if sel := grouped.Profile.Selector; sel == nil || sel.Algorithm != "crc16" || len(sel.Input) != 2 {
		t.Errorf("selector of grouped: %+v", sel)
	}
	if n := len(profiled.Profile.Tables); n != 2 {
		t.Errorf("%d tables share the profile, want 2", n)
	}
}

// TestDuplicateActions sees that tables get their own copies of an action.
func TestDuplicateActions(t *testing.T) {
	router := own(t, "l3router")
	users := map[*pipeline.Action]int{}
	for _, tab := range router.Tables {
		for _, a := range tab.Actions {
			if a.Name == "router_ingress.drop" {
				users[a]++
			}
		}
	}
	if len(users) != 5 {
		t.Errorf("%d copies of drop are used, want 5", len(users))
	}
	for a, n := range users {
		if n != 1 || a.ID != 0x0162d0e9 {
			t.Errorf("copy %d: %d users, id %#x", a.Index, n, a.ID)
		}
	}
}

func TestControlFlow(t *testing.T) {
	router := own(t, "l3router")
	ingress := router.Controls[0]
	if ingress.Start == nil || ingress.Start.NodeName() != "node_2" {
		t.Errorf("ingress starts at %v", ingress.Start)
	}
	if egress := router.Controls[1]; egress.Start != nil {
		t.Errorf("egress starts at %v, and has nothing to do", egress.Start)
	}
	station := table(t, router, "my_station")
	var next []string
	for _, n := range station.Next {
		next = append(next, n.NodeName())
	}
	if !slices.Equal(next, []string{"node_5", "node_10"}) {
		t.Errorf("my_station goes on to %v", next)
	}
	byHit := 0
	for _, tab := range own(t, "features/flow").Tables {
		if tab.ByHit {
			byHit++
		}
	}
	if byHit == 0 {
		t.Error("no table of flow goes on by hit and miss")
	}
}

func TestHidden(t *testing.T) {
	for _, tab := range own(t, "l3router").Tables {
		if want := strings.HasPrefix(tab.Name, "tbl_"); tab.Hidden != want {
			t.Errorf("table %s: hidden is %v", tab.Name, tab.Hidden)
		}
	}
}

func TestAnnotations(t *testing.T) {
	router := own(t, "l3router")
	lpm := table(t, router, "ipv4_lpm")
	want := []pipeline.Annotation{{Name: "linux_offload", Body: `"route" , "inet"`}}
	if diff := cmp.Diff(want, lpm.Annotations); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want = []pipeline.Annotation{{Name: "linux_match", Body: `"dst"`}}
	if diff := cmp.Diff(want, lpm.Keys[0].Annotations); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func BenchmarkImport(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(ownPrograms, "l3router.json"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bmv2.Import(data); err != nil {
			b.Fatal(err)
		}
	}
}
