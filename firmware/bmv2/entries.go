package bmv2

import (
	"bytes"
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// defaultEntry reads default_entry.
func (imp *importer) defaultEntry(n *node, t *pipeline.Table) {
	if n == nil {
		return
	}
	t.Default = imp.actionCall(n, t)
	t.DefaultConst = n.optional("action_const").boolean()
	t.DefaultArgs = n.optional("action_entry_const").boolean()
	if t.Profile != nil && t.DefaultConst {
		n.fail(ErrMismatch, "a table with an action profile cannot have a constant default action")
	}
}

// actionCall reads action_id and action_data.
func (imp *importer) actionCall(n *node, t *pipeline.Table) *pipeline.ActionCall {
	id := n.member("action_id")
	a := lookupID(id, imp.actions, "action")
	if a == nil {
		return nil
	}
	if !hasAction(t, a) {
		id.fail(ErrMismatch, "action %q is none of table %q", a.Name, t.Name)
		return nil
	}
	data := n.member("action_data")
	items := data.items()
	if len(items) != len(a.Params) {
		data.fail(ErrArguments, "action %q takes %d, got %d", a.Name, len(a.Params), len(items))
		return nil
	}
	call := &pipeline.ActionCall{Action: a}
	for i, item := range items {
		call.Args = append(call.Args, item.octets(a.Params[i].Width))
	}
	return call
}

func hasAction(t *pipeline.Table, a *pipeline.Action) bool {
	for _, other := range t.Actions {
		if other == a {
			return true
		}
	}
	return false
}

// entries reads the entries of the program. A table that has a list of them, even an empty one, is immutable.
func (imp *importer) entries(n *node, t *pipeline.Table) {
	items := n.items()
	t.Immutable = true
	if t.Profile != nil {
		n.fail(ErrMismatch, "a table with an action profile cannot have entries of the program")
		return
	}
	priorities := make([]int, 0, len(items))
	seen := map[string]bool{}
	for i, item := range items {
		e := imp.entry(item, t)
		if e == nil {
			continue
		}
		priority := i + 1 // as p4c numbers them
		if p := item.optional("priority"); p != nil {
			priority = p.integer(0, maxID)
		}
		identity := entryIdentity(e)
		if t.Match.NeedsPriority() {
			identity += string(big.NewInt(int64(priority)).Bytes())
		}
		declare(item.optional("match_key"), seen, identity, true)
		t.Entries = append(t.Entries, e)
		priorities = append(priorities, priority)
	}
	if t.Match.NeedsPriority() {
		invert(t.Entries, priorities)
	}
}

// invert sets the entries' priorities, largest first, from those of the JSON, smallest first.
func invert(entries []*pipeline.Entry, priorities []int) {
	largest := 0
	for _, p := range priorities {
		largest = max(largest, p)
	}
	for i, e := range entries {
		// Where 0 and the largest possible number meet, the result would be one too large.
		e.Priority = int32(min(largest-priorities[i]+1, maxID))
	}
}

// entry reads one entry but for its priority.
func (imp *importer) entry(n *node, t *pipeline.Table) *pipeline.Entry {
	key := n.member("match_key")
	items := key.items()
	call := n.member("action_entry")
	if key == nil || call == nil {
		return nil
	}
	e := &pipeline.Entry{Table: t, Source: n.source()}
	if len(items) != len(t.Keys) {
		key.fail(ErrArguments, "the key has %d components, the table's %d", len(items), len(t.Keys))
		return nil
	}
	before := len(imp.findings)
	for i, item := range items {
		e.Match = append(e.Match, imp.match(item, t.Keys[i]))
	}
	e.Call = imp.actionCall(call, t)
	if len(imp.findings) > before {
		return nil
	}
	return e
}

// match reads one component of an entry's key.
func (imp *importer) match(n *node, k *pipeline.Key) pipeline.Match {
	var m pipeline.Match
	kindNode := n.member("match_type")
	kind, ok := matchKind(kindNode)
	if !ok {
		return m
	}
	if kind != k.Kind {
		kindNode.fail(ErrMismatch, "the table's key is %v here", k.Kind)
		return m
	}
	switch kind {
	case pipeline.MatchExact:
		m.Value = n.member("key").octets(k.Width)
	case pipeline.MatchValid:
		m.Value = validity(n.member("key"))
	case pipeline.MatchLPM:
		m.Value = n.member("key").octets(k.Width)
		m.Prefix = n.member("prefix_length").integer(0, k.Width)
		maskBytes(m.Value, ones(k.Width).Lsh(ones(m.Prefix), uint(k.Width-m.Prefix)))
	case pipeline.MatchTernary, pipeline.MatchOptional:
		m.Value = n.member("key").octets(k.Width)
		m.Mask = n.member("mask").octets(k.Width)
		if m.Mask != nil {
			maskBytes(m.Value, new(big.Int).SetBytes(m.Mask))
		}
	case pipeline.MatchRange:
		m.Value = n.member("start").octets(k.Width)
		m.High = n.member("end").octets(k.Width)
		if m.Value != nil && m.High != nil && bytes.Compare(m.Value, m.High) > 0 {
			n.fail(ErrRange, "the range ends before it starts")
		}
	}
	return m
}

// maskBytes clears the bits of value that mask leaves out.
func maskBytes(value []byte, mask *big.Int) {
	if value == nil {
		return
	}
	m := mask.FillBytes(make([]byte, len(value)))
	for i := range value {
		value[i] &= m[i]
	}
}

// validity reads the key of a match on validity: a boolean, or a number as old compilers write it.
func validity(n *node) []byte {
	if n == nil {
		return nil
	}
	if _, ok := n.val.(string); ok {
		return n.octets(1)
	}
	if n.boolean() {
		return []byte{1}
	}
	return []byte{0}
}

// entryIdentity returns what makes an entry the same as another of its table, but for the priority.
func entryIdentity(e *pipeline.Entry) string {
	var b []byte
	for _, m := range e.Match {
		b = append(b, m.Value...)
		b = append(b, m.Mask...)
		b = append(b, m.High...)
		b = append(b, byte(m.Prefix>>8), byte(m.Prefix))
	}
	return string(b)
}
