package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// control reads one element of pipelines.
func (imp *importer) control(n *node) {
	c := &pipeline.Control{Index: len(imp.prog.Controls), Name: n.member("name").text(), Source: n.source()}
	imp.prog.Controls = append(imp.prog.Controls, c)
	for _, p := range n.optional("action_profiles").items() {
		imp.profile(p)
	}
	f := &flow{imp: imp, nodes: map[string]pipeline.Node{}}
	tables := n.optional("tables").items()
	for _, t := range tables {
		f.tables = append(f.tables, imp.table(t, c))
		declare(t.optional("name"), f.nodes, f.tables[len(f.tables)-1].Name, pipeline.Node(f.tables[len(f.tables)-1]))
	}
	for _, cn := range n.optional("conditionals").items() {
		f.conditional(cn, c)
	}
	for _, cn := range n.optional("action_calls").items() {
		f.call(cn, c)
	}
	c.Start = f.next(n.optional("init_table"))
	for i, t := range tables {
		f.tableNext(t, f.tables[i])
	}
	f.conditionalNext(n.optional("conditionals").items(), c)
	f.callNext(n.optional("action_calls").items(), c)
	f.findCycle(n, c)
}

// profile reads one element of action_profiles.
func (imp *importer) profile(n *node) {
	p := &pipeline.ActionProfile{
		Index:  len(imp.prog.Profiles),
		Name:   n.member("name").text(),
		Source: n.source(),
		Size:   n.optional("max_size").integer(0, maxSize),
	}
	declare(n.optional("name"), imp.profiles, p.Name, p)
	if sel := n.optional("selector"); sel != nil {
		p.Selector = &pipeline.Selector{Algorithm: imp.algorithm(sel.member("algo"))}
		for _, item := range sel.member("input").items() {
			if x := imp.hashInput(item); x != nil {
				p.Selector.Input = append(p.Selector.Input, x)
			}
		}
	}
	imp.prog.Profiles = append(imp.prog.Profiles, p)
}

// table reads one element of tables, but for what comes next.
func (imp *importer) table(n *node, c *pipeline.Control) *pipeline.Table {
	t := &pipeline.Table{
		Index:          len(imp.prog.Tables),
		Name:           n.member("name").text(),
		Source:         n.source(),
		Control:        c,
		Size:           n.optional("max_size").integer(0, maxSize),
		SupportTimeout: n.optional("support_timeout").boolean(),
	}
	declare(n.optional("name"), imp.tables, t.Name, t)
	imp.tableKey(n, t)
	imp.tableActions(n, t)
	imp.implementation(n, t)
	if n.optional("with_counters").boolean() && !imp.hasDirectCounter(t.Name) {
		t.Counter = &pipeline.Counter{Index: len(imp.prog.Counters), Name: t.Name, Source: t.Source, Table: t}
		imp.prog.Counters = append(imp.prog.Counters, t.Counter)
	}
	if meter := n.optional("direct_meters"); meter != nil {
		t.Meter = lookup(meter, imp.meters, "meter array")
	}
	imp.defaultEntry(n.optional("default_entry"), t)
	if entries := n.optional("entries"); entries != nil {
		imp.entries(entries, t)
	}
	c.Tables = append(c.Tables, t)
	imp.prog.Tables = append(imp.prog.Tables, t)
	return t
}

// hasDirectCounter reports whether counter_arrays has a counter for the table. Where it has none, as in the
// JSON of old compilers, the table's counter has the table's name.
func (imp *importer) hasDirectCounter(table string) bool {
	for _, b := range imp.bindings {
		if b.counter != nil && b.node != nil && b.node.val == table {
			return true
		}
	}
	return false
}

// tableKey reads the key of a table, and checks the match kind of the table as a whole.
func (imp *importer) tableKey(n *node, t *pipeline.Table) {
	prefixes := 0
	for _, kn := range n.member("key").items() {
		k := imp.key(kn)
		if k == nil {
			continue
		}
		k.Index = len(t.Keys)
		t.Keys = append(t.Keys, k)
		if k.Kind == pipeline.MatchLPM {
			prefixes++
		}
		if k.Kind != pipeline.MatchValid {
			t.Match = max(t.Match, k.Kind)
		}
	}
	if prefixes > 1 {
		n.fail(ErrMismatch, "table %q has %d keys of kind lpm, at most one can be", t.Name, prefixes)
	}
	kindNode := n.member("match_type")
	kind, ok := matchKind(kindNode)
	if ok && kind < t.Match {
		kindNode.fail(ErrMismatch, "a table of kind %v with a key of kind %v", kind, t.Match)
	}
}

// matchKind reads a match_type.
func matchKind(n *node) (pipeline.MatchKind, bool) {
	if n == nil {
		return 0, false
	}
	switch n.text() {
	case "exact":
		return pipeline.MatchExact, true
	case "valid":
		return pipeline.MatchValid, true
	case "lpm":
		return pipeline.MatchLPM, true
	case "ternary":
		return pipeline.MatchTernary, true
	case "range":
		return pipeline.MatchRange, true
	case "optional":
		return pipeline.MatchOptional, true
	}
	n.fail(ErrUnknown, "no match kind %.80q", n.text())
	return 0, false
}

// key reads one component of a table's key.
func (imp *importer) key(n *node) *pipeline.Key {
	kind, ok := matchKind(n.member("match_type"))
	target := n.member("target")
	if !ok || target == nil {
		return nil
	}
	k := &pipeline.Key{Kind: kind, Width: 1}
	if kind == pipeline.MatchValid {
		h := lookup(target, imp.headers, "header")
		if h == nil {
			return nil
		}
		k.Expr, k.Name = &pipeline.ValidRef{Header: h}, h.Name+".$valid$"
	} else {
		switch ref := imp.field(target).(type) {
		case *pipeline.FieldRef:
			if ref.Field.Var {
				target.fail(ErrKind, "varbit field %q in a key", ref.Field.Name)
				return nil
			}
			k.Expr, k.Width, k.Name = ref, ref.Field.Width, ref.Header.Name+"."+ref.Field.Name
		case *pipeline.ValidRef:
			k.Expr, k.Name = ref, ref.Header.Name+".$valid$"
		default:
			return nil
		}
	}
	if name := n.optional("name"); name != nil {
		k.Name = name.text()
	}
	if mask := n.optional("mask"); mask != nil {
		k.Mask = mask.unsigned(k.Width)
	}
	return k
}

// tableActions reads the table's actions: by number, as all compilers of P4_16 write them, else by name.
func (imp *importer) tableActions(n *node, t *pipeline.Table) {
	names := map[string]bool{}
	if ids := n.optional("action_ids"); ids != nil {
		for _, id := range ids.items() {
			if a := lookupID(id, imp.actions, "action"); a != nil {
				declare(id, names, a.Name, true)
				t.Actions = append(t.Actions, a)
			}
		}
		return
	}
	for _, an := range n.member("actions").items() {
		same := imp.actionNames[an.text()]
		switch len(same) {
		case 0:
			an.fail(ErrUnknown, "no action %.80q", an.text())
		case 1:
			declare(an, names, same[0].Name, true)
			t.Actions = append(t.Actions, same[0])
		default:
			an.fail(ErrDuplicate, "%d actions %q, and no action_ids", len(same), same[0].Name)
		}
	}
}

// implementation reads how the table finds its action: in its own entries, or in an action profile.
func (imp *importer) implementation(n *node, t *pipeline.Table) {
	kindNode := n.member("type")
	switch kindNode.text() {
	case "simple":
		if p := n.optional("action_profile"); p != nil {
			p.fail(ErrMismatch, "a simple table with an action profile")
		}
		return
	case "indirect", "indirect_ws":
	default:
		kindNode.fail(ErrUnknown, "no type of table %.80q", kindNode.text())
		return
	}
	name := n.member("action_profile")
	t.Profile = lookup(name, imp.profiles, "action profile")
	if t.Profile == nil {
		return
	}
	if kindNode.val == "indirect_ws" && t.Profile.Selector == nil {
		name.fail(ErrMismatch, "action profile %q has no selector", t.Profile.Name)
	}
	t.Profile.Tables = append(t.Profile.Tables, t)
}
