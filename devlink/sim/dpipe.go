package sim

import (
	"slices"
	"syscall"
)

// listReply sends a list in the way of devlink's doit handlers that may need several datagrams: every part is
// a message of its own with the handle and a nest, flagged NLM_F_MULTI, and an NLMSG_DONE without a payload
// follows. An element that does not fit into an empty message is EMSGSIZE; parts that were sent stay sent.
func (r *request) listReply(cmd uint8, nest uint16, elements []func(b *skb)) error {
	b := newSkb()
	for at, first := 0, true; first || at < len(elements); first = false {
		if len(b.buf) > 0 {
			r.post(b.buf)
			b = newSkb()
		}
		before := at
		b.genl(r.header(flagMulti), cmd, familyVersion, func() {
			r.in.putHandle(b)
			b.nest(nest, func() { at += putFitting(b, elements[at:]) })
		})
		if at == before && len(elements) > 0 {
			return syscall.EMSGSIZE
		}
	}
	return r.done(b)
}

// putFitting puts elements until one does not fit and returns how many did.
func putFitting(b *skb, elements []func(b *skb)) int {
	for i, put := range elements {
		mark := b.mark()
		if put(b); b.full {
			b.rollback(mark)
			return i
		}
	}
	return len(elements)
}

// done appends the NLMSG_DONE of a doit handler, which has no payload, and sends.
func (r *request) done(b *skb) error {
	put := func(b *skb) {
		b.message(header{typ: nlmsgDone, flags: flagMulti, seq: r.hdr.seq, pid: r.s.portID}, func() {})
	}
	mark := b.mark()
	if put(b); b.full {
		b.rollback(mark)
		r.post(b.buf)
		b = newSkb()
		put(b)
	}
	r.post(b.buf)
	return nil
}

func (in *instance) tables() []DpipeTable {
	if d, ok := in.device.(Piper); ok {
		return d.DpipeTables()
	}
	return nil
}

func (in *instance) countersOn(t DpipeTable) bool {
	if on, ok := in.counters[t.Name]; ok {
		return on
	}
	return t.Counters
}

func (r *request) getTables() error {
	name := r.attrs.str(attrDpipeTableName)
	var elements []func(b *skb)
	for _, t := range r.in.tables() {
		if name == "" || name == t.Name {
			elements = append(elements, func(b *skb) { r.in.putTable(b, t) })
		}
	}
	return r.listReply(cmdDpipeTableGet, attrDpipeTables, elements)
}

func (in *instance) putTable(b *skb, t DpipeTable) {
	b.nest(attrDpipeTable, func() {
		b.str(attrDpipeTableName, t.Name)
		b.u64(attrDpipeTableSize, t.Size)
		b.boolean(attrDpipeTableCounters, in.countersOn(t))
		if t.Resource != 0 {
			b.u64(attrDpipeTableResource, t.Resource)
			b.u64(attrDpipeTableResUnits, t.Units)
		}
		b.nest(attrDpipeTableMatches, func() {
			for _, f := range t.Matches {
				putField(b, attrDpipeMatch, attrDpipeMatchType, f)
			}
		})
		b.nest(attrDpipeTableActions, func() {
			for _, f := range t.Actions {
				putField(b, attrDpipeAction, attrDpipeActionType, f)
			}
		})
	})
}

// putField puts a match of type exact or an action of type modify: both types are 0.
func putField(b *skb, nest, typ uint16, f DpipeFieldRef) {
	b.nest(nest, func() {
		b.u32(typ, 0)
		b.u32(attrDpipeHeaderIndex, f.Index)
		b.u32(attrDpipeHeaderID, f.Header)
		b.u32(attrDpipeFieldID, f.Field)
		b.boolean(attrDpipeHeaderGlobal, f.Global)
	})
}

func (r *request) getEntries() error {
	if !r.attrs.has(attrDpipeTableName) {
		return missing(attrDpipeTableName)
	}
	tables := r.in.tables()
	i := slices.IndexFunc(tables, func(t DpipeTable) bool { return t.Name == r.attrs.str(attrDpipeTableName) })
	if i < 0 || tables[i].NoEntries {
		return syscall.EINVAL
	}
	entries, err := r.in.device.(Piper).DpipeEntries(tables[i].Name, r.in.countersOn(tables[i]))
	if err != nil {
		return err
	}
	var elements []func(b *skb)
	for _, e := range entries {
		elements = append(elements, func(b *skb) { putEntry(b, e) })
	}
	return r.listReply(cmdDpipeEntriesGet, attrDpipeEntries, elements)
}

func putEntry(b *skb, e DpipeEntry) {
	b.nest(attrDpipeEntry, func() {
		b.u64(attrDpipeEntryIndex, e.Index)
		if e.Counter != nil {
			b.u64(attrDpipeEntryCounter, *e.Counter)
		}
		b.nest(attrDpipeEntryMatches, func() {
			for _, v := range e.Matches {
				b.nest(attrDpipeMatchValue, func() {
					putField(b, attrDpipeMatch, attrDpipeMatchType, v.Field)
					putValue(b, v)
				})
			}
		})
		b.nest(attrDpipeEntryActions, func() {
			for _, v := range e.Actions {
				b.nest(attrDpipeActionValue, func() {
					putField(b, attrDpipeAction, attrDpipeActionType, v.Field)
					putValue(b, v)
				})
			}
		})
	})
}

func putValue(b *skb, v DpipeValue) {
	b.bytes(attrDpipeValue, v.Value)
	if v.Mask != nil {
		b.bytes(attrDpipeValueMask, v.Mask)
	}
	if v.Mapping != nil {
		b.u32(attrDpipeValueMapping, *v.Mapping)
	}
}

func (r *request) getHeaders() error {
	d, ok := r.in.device.(Piper)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	headers := d.DpipeHeaders()
	if headers == nil {
		return syscall.EOPNOTSUPP
	}
	var elements []func(b *skb)
	for _, h := range headers {
		elements = append(elements, func(b *skb) { putHeader(b, h) })
	}
	return r.listReply(cmdDpipeHeadersGet, attrDpipeHeaders, elements)
}

func putHeader(b *skb, h DpipeHeader) {
	b.nest(attrDpipeHeader, func() {
		b.str(attrDpipeHeaderName, h.Name)
		b.u32(attrDpipeHeaderID, h.ID)
		b.boolean(attrDpipeHeaderGlobal, h.Global)
		b.nest(attrDpipeHeaderFields, func() {
			for i, f := range h.Fields {
				b.nest(attrDpipeField, func() {
					b.str(attrDpipeFieldName, f.Name)
					b.u32(attrDpipeFieldID, uint32(i))
					b.u32(attrDpipeFieldBitwidth, f.Width)
					b.u32(attrDpipeFieldMapping, f.Mapping)
				})
			}
		})
	})
}

func (r *request) setCounters() error {
	for _, typ := range []uint16{attrDpipeTableName, attrDpipeTableCounters} {
		if !r.attrs.has(typ) {
			return missing(typ)
		}
	}
	name := r.attrs.str(attrDpipeTableName)
	for _, t := range r.in.tables() {
		if t.Name != name {
			continue
		}
		if t.NoCounterControl {
			return syscall.EOPNOTSUPP
		}
		r.in.counters[name] = r.attrs.u8(attrDpipeTableCounters) != 0
		return nil
	}
	return syscall.EINVAL
}
