package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// headerType reads one element of header_types.
func (imp *importer) headerType(n *node) {
	typ := &pipeline.HeaderType{Index: len(imp.prog.HeaderTypes), Name: n.member("name").text()}
	declare(n.optional("name"), imp.types, typ.Name, typ)
	names := map[string]*pipeline.Field{}
	for i, f := range n.member("fields").items() {
		tuple := f.tuple(2, 3)
		if tuple == nil {
			continue
		}
		field := &pipeline.Field{Index: i, Name: tuple[0].text(), Offset: typ.Width}
		declare(tuple[0], names, field.Name, field)
		if tuple[1].val == "*" {
			imp.varbit(n, tuple[1], typ, field)
		} else {
			field.Width = tuple[1].integer(1, maxWidth)
			typ.Width += field.Width
		}
		if len(tuple) == 3 {
			field.Signed = tuple[2].flag()
		}
		typ.Fields = append(typ.Fields, field)
	}
	if typ.Width > maxHeader {
		n.fail(ErrRange, "header of %d bits, at most %d", typ.Width, maxHeader)
	}
	if typ.Var != nil {
		if typ.Var.Width = 8*typ.MaxBytes - typ.Width; typ.Var.Width < 0 {
			n.member("max_length").fail(ErrRange, "at most %d bytes, but the fixed fields have %d bits", typ.MaxBytes, typ.Width)
			typ.Var.Width = 0
		}
	}
	if exp := n.optional("length_exp"); exp != nil {
		if typ.Var == nil {
			exp.fail(ErrMismatch, "a length without a varbit field")
		}
		s := &scope{imp: imp, params: len(typ.Fields)}
		typ.VarLength = s.operand(exp, kindNumber)
	}
	imp.prog.HeaderTypes = append(imp.prog.HeaderTypes, typ)
}

// varbit makes field the varbit field of typ.
func (imp *importer) varbit(n, width *node, typ *pipeline.HeaderType, field *pipeline.Field) {
	if typ.Var != nil {
		width.fail(ErrDuplicate, "a second varbit field")
		return
	}
	field.Var = true
	typ.Var = field
	typ.MaxBytes = n.member("max_length").integer(1, maxWidth/8)
}

// header reads one element of headers.
func (imp *importer) header(n *node) {
	h := &pipeline.Header{
		Index:    len(imp.prog.Headers),
		Name:     n.member("name").text(),
		Type:     lookup(n.member("header_type"), imp.types, "header type"),
		Metadata: n.optional("metadata").boolean(),
	}
	if h.Type == nil {
		return
	}
	declare(n.optional("name"), imp.headers, h.Name, h)
	id := n.member("id")
	declare(id, imp.headerIDs, id.integer(0, maxID), h)
	imp.prog.Headers = append(imp.prog.Headers, h)
}

// stack reads one element of header_stacks.
func (imp *importer) stack(n *node) {
	st := &pipeline.Stack{
		Index: len(imp.prog.Stacks),
		Name:  n.member("name").text(),
		Type:  lookup(n.member("header_type"), imp.types, "header type"),
	}
	declare(n.optional("name"), imp.stacks, st.Name, st)
	for _, id := range n.member("header_ids").items() {
		h := lookupID(id, imp.headerIDs, "header")
		if h == nil || !imp.free(id, h) {
			continue
		}
		if st.Type != nil && h.Type != st.Type {
			id.fail(ErrMismatch, "%q is a %s, not a %s", h.Name, h.Type.Name, st.Type.Name)
		}
		h.Stack, h.StackIndex = st, len(st.Header)
		st.Header = append(st.Header, h)
	}
	if size := n.optional("size"); size != nil && size.integer(0, maxSize) != len(st.Header) {
		size.fail(ErrMismatch, "%v elements, but header_ids has %d", size.val, len(st.Header))
	}
	imp.prog.Stacks = append(imp.prog.Stacks, st)
}

// free reports whether h belongs to no stack and no union yet, with a finding if it does.
func (imp *importer) free(n *node, h *pipeline.Header) bool {
	switch {
	case h.Metadata:
		n.fail(ErrKind, "%q is metadata", h.Name)
	case h.Stack != nil:
		n.fail(ErrDuplicate, "%q is an element of stack %q", h.Name, h.Stack.Name)
	case h.Union != nil:
		n.fail(ErrDuplicate, "%q is a member of union %q", h.Name, h.Union.Name)
	default:
		return true
	}
	return false
}

// unionType reads one element of header_union_types.
func (imp *importer) unionType(n *node) {
	typ := &pipeline.UnionType{Index: len(imp.prog.UnionTypes), Name: n.member("name").text()}
	declare(n.optional("name"), imp.unionTypes, typ.Name, typ)
	names := map[string]bool{}
	for _, m := range n.member("headers").items() {
		tuple := m.tuple(2, 2)
		if tuple == nil {
			continue
		}
		member := pipeline.UnionMember{
			Name: tuple[0].text(),
			Type: lookup(tuple[1], imp.types, "header type"),
		}
		declare(tuple[0], names, member.Name, true)
		typ.Members = append(typ.Members, member)
	}
	imp.prog.UnionTypes = append(imp.prog.UnionTypes, typ)
}

// union reads one element of header_unions.
func (imp *importer) union(n *node) {
	u := &pipeline.Union{
		Index: len(imp.prog.Unions),
		Name:  n.member("name").text(),
		Type:  lookup(n.member("union_type"), imp.unionTypes, "union type"),
	}
	if u.Type == nil {
		return
	}
	declare(n.optional("name"), imp.unions, u.Name, u)
	id := n.member("id")
	declare(id, imp.unionIDs, id.integer(0, maxID), u)
	ids := n.member("header_ids")
	for i, id := range ids.items() {
		h := lookupID(id, imp.headerIDs, "header")
		if h == nil || !imp.free(id, h) {
			continue
		}
		if i < len(u.Type.Members) && h.Type != u.Type.Members[i].Type {
			id.fail(ErrMismatch, "%q is a %s, not what the union's type has here", h.Name, h.Type.Name)
		}
		h.Union, h.UnionIndex = u, i
		u.Header = append(u.Header, h)
	}
	if len(u.Header) != len(u.Type.Members) {
		ids.fail(ErrMismatch, "%d headers, but the union's type has %d", len(u.Header), len(u.Type.Members))
	}
	imp.prog.Unions = append(imp.prog.Unions, u)
}

// unionStack reads one element of header_union_stacks.
func (imp *importer) unionStack(n *node) {
	st := &pipeline.UnionStack{
		Index: len(imp.prog.UnionStacks),
		Name:  n.member("name").text(),
		Type:  lookup(n.member("union_type"), imp.unionTypes, "union type"),
	}
	declare(n.optional("name"), imp.unionStacks, st.Name, st)
	for _, id := range n.member("header_union_ids").items() {
		u := lookupID(id, imp.unionIDs, "union")
		switch {
		case u == nil:
			continue
		case u.Stack != nil:
			id.fail(ErrDuplicate, "%q is an element of stack %q", u.Name, u.Stack.Name)
			continue
		case st.Type != nil && u.Type != st.Type:
			id.fail(ErrMismatch, "%q is a %s, not a %s", u.Name, u.Type.Name, st.Type.Name)
		}
		u.Stack, u.StackIndex = st, len(st.Union)
		st.Union = append(st.Union, u)
	}
	imp.prog.UnionStacks = append(imp.prog.UnionStacks, st)
}

// members reads [name, number] pairs: the errors, or the entries of an enum.
func (imp *importer) members(n *node) []pipeline.EnumMember {
	var out []pipeline.EnumMember
	names, values := map[string]bool{}, map[uint64]bool{}
	for _, item := range n.items() {
		tuple := item.tuple(2, 2)
		if tuple == nil {
			continue
		}
		m := pipeline.EnumMember{Name: tuple[0].text(), Value: uint64(tuple[1].integer(0, maxID))}
		declare(tuple[0], names, m.Name, true)
		declare(tuple[1], values, m.Value, true)
		out = append(out, m)
	}
	return out
}

// enum reads one element of enums.
func (imp *importer) enum(n *node) {
	imp.prog.Enums = append(imp.prog.Enums, &pipeline.Enum{
		Name:    n.member("name").text(),
		Members: imp.members(n.member("entries")),
	})
}

// alias reads one element of field_aliases.
func (imp *importer) alias(n *node) {
	tuple := n.tuple(2, 2)
	if tuple == nil {
		return
	}
	if ref, ok := imp.field(tuple[1]).(*pipeline.FieldRef); ok {
		imp.prog.Aliases = append(imp.prog.Aliases, pipeline.Alias{Name: tuple[0].text(), Field: ref})
	}
}

// field reads [header, field]: a *FieldRef, a *ValidRef for the hidden field, or nil and a finding.
func (imp *importer) field(n *node) pipeline.Expr {
	tuple := n.tuple(2, 2)
	if tuple == nil {
		return nil
	}
	h := lookup(tuple[0], imp.headers, "header")
	if h == nil {
		return nil
	}
	if tuple[1].val == "$valid$" {
		return &pipeline.ValidRef{Header: h}
	}
	if f := fieldOf(tuple[1], h.Type); f != nil {
		return &pipeline.FieldRef{Header: h, Field: f}
	}
	return nil
}

// plainField is field where only a field of fixed width will do.
func (imp *importer) plainField(n *node) *pipeline.FieldRef {
	switch ref := imp.field(n).(type) {
	case *pipeline.FieldRef:
		if !ref.Field.Var {
			return ref
		}
		n.fail(ErrKind, "%s.%s is a varbit field", ref.Header.Name, ref.Field.Name)
	case *pipeline.ValidRef:
		n.fail(ErrKind, "the validity of %q is not a field", ref.Header.Name)
	}
	return nil
}

// fieldOf returns the field of typ that n names.
func fieldOf(n *node, typ *pipeline.HeaderType) *pipeline.Field {
	name := n.text()
	for _, f := range typ.Fields {
		if f.Name == name {
			return f
		}
	}
	if _, ok := n.val.(string); ok {
		n.fail(ErrUnknown, "no field %.80q in header type %q", name, typ.Name)
	}
	return nil
}
