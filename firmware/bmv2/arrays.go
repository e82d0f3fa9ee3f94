package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// binding ties a direct counter or meter to the table that its JSON names.
type binding struct {
	node    *node // of the table's name
	counter *pipeline.Counter
	meter   *pipeline.Meter
}

// counter reads one element of counter_arrays.
func (imp *importer) counter(n *node) {
	c := &pipeline.Counter{Index: len(imp.prog.Counters), Name: n.member("name").text(), Source: n.source()}
	declare(n.optional("name"), imp.counters, c.Name, c)
	if n.optional("is_direct").boolean() {
		imp.bindings = append(imp.bindings, binding{node: n.member("binding"), counter: c})
	} else {
		c.Size = n.member("size").integer(0, maxSize)
	}
	imp.prog.Counters = append(imp.prog.Counters, c)
}

// meter reads one element of meter_arrays.
func (imp *importer) meter(n *node) {
	m := &pipeline.Meter{
		Index:  len(imp.prog.Meters),
		Name:   n.member("name").text(),
		Source: n.source(),
		Rates:  2,
	}
	if rates := n.optional("rate_count"); rates != nil {
		m.Rates = rates.integer(1, 2)
	}
	declare(n.optional("name"), imp.meters, m.Name, m)
	unit := n.member("type")
	switch unit.text() {
	case "bytes":
		m.Bytes = true
	case "packets":
	default:
		unit.fail(ErrUnknown, "no type of meter %.80q", unit.text())
	}
	if n.optional("is_direct").boolean() {
		if target := n.optional("result_target"); target != nil {
			m.Target = imp.plainField(target)
		}
		imp.bindings = append(imp.bindings, binding{node: n.member("binding"), meter: m})
	} else {
		m.Size = n.member("size").integer(0, maxSize)
	}
	imp.prog.Meters = append(imp.prog.Meters, m)
}

// register reads one element of register_arrays.
func (imp *importer) register(n *node) {
	r := &pipeline.Register{
		Index:  len(imp.prog.Registers),
		Name:   n.member("name").text(),
		Source: n.source(),
		Size:   n.member("size").integer(0, maxSize),
		Width:  n.member("bitwidth").integer(1, maxWidth),
		Signed: n.optional("signed").boolean(),
	}
	declare(n.optional("name"), imp.registers, r.Name, r)
	imp.prog.Registers = append(imp.prog.Registers, r)
}

// bind ties direct counters and meters to their tables.
func (imp *importer) bind() {
	for _, b := range imp.bindings {
		t := lookup(b.node, imp.tables, "table")
		switch {
		case t == nil:
		case b.counter != nil && t.Counter != nil:
			b.node.fail(ErrDuplicate, "table %q has the direct counter %q", t.Name, t.Counter.Name)
		case b.counter != nil:
			t.Counter, b.counter.Table = b.counter, t
		case t.Meter != nil && t.Meter != b.meter:
			b.node.fail(ErrDuplicate, "table %q has the direct meter %q", t.Name, t.Meter.Name)
		default:
			t.Meter, b.meter.Table, b.meter.Size = b.meter, t, t.Size
		}
	}
	for _, m := range imp.prog.Meters {
		if m.Table != nil {
			m.Size = m.Table.Size
		}
	}
}

// calculation reads one element of calculations.
func (imp *importer) calculation(n *node) {
	c := &pipeline.Calculation{
		Index:  len(imp.prog.Calculations),
		Name:   n.member("name").text(),
		Source: n.source(),
		Algo:   imp.algorithm(n.member("algo")),
	}
	declare(n.optional("name"), imp.calcs, c.Name, c)
	for _, item := range n.member("input").items() {
		if x := imp.hashInput(item); x != nil {
			c.Input = append(c.Input, x)
		}
	}
	imp.prog.Calculations = append(imp.prog.Calculations, c)
}

// algorithm reads the name of a hash function that BMv2 has.
func (imp *importer) algorithm(n *node) string {
	switch name := n.text(); name {
	case "xxh64", "crc16", "crc32", "crcCCITT", "cksum16", "csum16", "toeplitz", "identity", "round_robin",
		"round_robin_consistent", "xor16", "xor32", "crc8_custom", "crc16_custom", "crc32_custom",
		"crc64_custom", "hash_ex", "bmv2_hash":
		return name
	default:
		n.fail(ErrUnknown, "no hash algorithm %.80q", name)
		return name
	}
}

// hashInput reads one element of the input of a calculation or selector.
func (imp *importer) hashInput(n *node) pipeline.Expr {
	kindNode := n.member("type")
	switch kindNode.text() {
	case "payload":
		return &pipeline.Payload{}
	case "header":
		return imp.object(kindNode, n.member("value"))
	case "field":
		return imp.field(n.member("value"))
	case "hexstr":
		return imp.sizedConst(n)
	}
	kindNode.fail(ErrUnknown, "no input of a calculation %.80q", kindNode.text())
	return nil
}

// sizedConst reads a hexstr with its bitwidth.
func (imp *importer) sizedConst(n *node) pipeline.Expr {
	width := n.member("bitwidth").integer(1, maxWidth)
	v := n.member("value").unsigned(width)
	if v == nil {
		return nil
	}
	return &pipeline.Const{Value: v, Width: width}
}

// checksum reads one element of checksums.
func (imp *importer) checksum(n *node) {
	c := &pipeline.Checksum{
		Index:  len(imp.prog.Checksums),
		Name:   n.member("name").text(),
		Source: n.source(),
		Target: imp.plainField(n.member("target")),
		Verify: true,
		Update: true,
	}
	if kindNode := n.optional("type"); kindNode != nil && kindNode.text() != "generic" {
		kindNode.fail(ErrUnknown, "no type of checksum %v", kindNode.val)
	}
	c.Calculation = lookup(n.member("calculation"), imp.calcs, "calculation")
	if v := n.optional("verify"); v != nil {
		c.Verify = v.boolean()
	}
	if u := n.optional("update"); u != nil {
		c.Update = u.boolean()
	}
	s := &scope{imp: imp}
	c.If = s.operand(n.optional("if_cond"), kindBool)
	imp.prog.Checksums = append(imp.prog.Checksums, c)
}

// digest reads one element of learn_lists.
func (imp *importer) digest(n *node) {
	id := n.member("id")
	d := &pipeline.Digest{
		Index:    len(imp.prog.Digests),
		BMv2ID:   id.integer(0, maxID),
		Name:     n.member("name").text(),
		Source:   n.source(),
		Elements: imp.elements(n.member("elements")),
	}
	declare(id, imp.digests, d.BMv2ID, d)
	imp.prog.Digests = append(imp.prog.Digests, d)
}

// fieldList reads one element of field_lists.
func (imp *importer) fieldList(n *node) {
	id := n.member("id")
	l := &pipeline.FieldList{
		Index:    len(imp.prog.FieldLists),
		BMv2ID:   id.integer(0, maxID),
		Name:     n.member("name").text(),
		Source:   n.source(),
		Elements: imp.elements(n.member("elements")),
	}
	declare(id, imp.fieldLists, l.BMv2ID, l)
	imp.prog.FieldLists = append(imp.prog.FieldLists, l)
}

// elements reads the fields and constants of a list.
func (imp *importer) elements(n *node) []pipeline.Expr {
	var out []pipeline.Expr
	for _, item := range n.items() {
		kindNode := item.member("type")
		var x pipeline.Expr
		switch kindNode.text() {
		case "field":
			x = imp.field(item.member("value"))
		case "hexstr":
			x = imp.sizedConst(item)
		default:
			kindNode.fail(ErrUnknown, "no element of a list %.80q", kindNode.text())
		}
		if x != nil {
			out = append(out, x)
		}
	}
	return out
}

// extern reads one element of extern_instances.
func (imp *importer) extern(n *node) {
	x := &pipeline.Extern{
		Index:      len(imp.prog.Externs),
		Name:       n.member("name").text(),
		Type:       n.member("type").text(),
		Source:     n.source(),
		Attributes: map[string]pipeline.Expr{},
	}
	declare(n.optional("name"), imp.externs, x.Name, x)
	s := &scope{imp: imp}
	for _, item := range n.optional("attribute_values").items() {
		name := item.member("name")
		if v := s.value(item); v != nil {
			declare(name, x.Attributes, name.text(), v)
		}
	}
	imp.prog.Externs = append(imp.prog.Externs, x)
}
