package interp

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A ValueTracer is a Tracer that is also told values: it gets Change events, and Extract events with Values. That
// costs a copy of all headers for every event.
type ValueTracer interface {
	Tracer
	// TraceValues does nothing; having it is what counts.
	TraceValues()
}

// Change, for a ValueTracer: since the last event, the program changed a field, or whether a header is valid. What the architecture writes
// into intrinsic metadata between blocks is not told, and fields of headers that are not valid are not.
type Change struct {
	Header *pipeline.Header
	Field  *pipeline.Field // nil: the header became valid or invalid
	Valid  bool            // with no Field
	// Big-endian, (Width+7)/8 bytes, of a varbit field as many as it has now. Before is nil where the header was not valid.
	Before, After []byte
}

// Checked: a checksum was verified behind the parser, or updated in front of the deparser.
type Checked struct {
	Checksum *pipeline.Checksum
	Update   bool
	Held     uint64 // by the field, before the update
	Computed uint64
}

func (Change) event()  {}
func (Checked) event() {}

// String describes the event.
func (e Change) String() string {
	switch {
	case e.Field == nil && e.Valid:
		return e.Header.Name + " becomes valid"
	case e.Field == nil:
		return e.Header.Name + " becomes invalid"
	case e.Before == nil:
		return fmt.Sprintf("%s.%s is 0x%x", e.Header.Name, e.Field.Name, e.After)
	}
	return fmt.Sprintf("%s.%s from 0x%x to 0x%x", e.Header.Name, e.Field.Name, e.Before, e.After)
}

// OK reports whether a verified checksum was right.
func (e Checked) OK() bool { return e.Held == e.Computed }

// String describes the event.
func (e Checked) String() string {
	name := e.Checksum.Target.Header.Name + "." + e.Checksum.Target.Field.Name
	switch {
	case e.Update:
		return fmt.Sprintf("checksum %s updated to 0x%x", name, e.Computed)
	case e.OK():
		return fmt.Sprintf("checksum %s is right", name)
	}
	return fmt.Sprintf("checksum %s is 0x%x, computed 0x%x", name, e.Held, e.Computed)
}

// seen is what the tracer knows of a packet's headers.
type seen struct {
	data  []byte
	valid []bool
	vars  [][]byte
}

// look makes what the packet is now what a ValueTracer knows.
func (p *packet) look() {
	if !p.sw.values {
		return
	}
	if p.seen == nil {
		p.seen = &seen{}
	}
	p.seen.data = append(p.seen.data[:0], p.data...)
	p.seen.valid = append(p.seen.valid[:0], p.valid...)
	p.seen.vars = append(p.seen.vars[:0], p.vars...)
}

// traceChanges tells a ValueTracer what has changed since it last looked.
func (p *packet) traceChanges() {
	if !p.sw.values {
		return
	}
	if p.seen != nil {
		for h := range p.sw.layout.headers {
			p.traceHeader(h)
		}
	}
	p.look()
}

func (p *packet) traceHeader(h int) {
	at := &p.sw.layout.headers[h]
	was, is := p.seen.valid[h], p.valid[h]
	if was != is {
		p.sw.tracer.Trace(Change{Header: at.model, Valid: is})
	}
	if !is || was && p.sameHeader(h) {
		return
	}
	for i := range at.fields {
		f := &at.fields[i]
		after := fieldBytes(f, p.data, p.vars)
		if !was {
			p.sw.tracer.Trace(Change{Header: at.model, Field: at.model.Type.Fields[i], After: after})
			continue
		}
		if before := fieldBytes(f, p.seen.data, p.seen.vars); !bytes.Equal(before, after) {
			p.sw.tracer.Trace(Change{Header: at.model, Field: at.model.Type.Fields[i], Before: before, After: after})
		}
	}
}

// sameHeader reports whether a header has the contents that the tracer knows.
func (p *packet) sameHeader(h int) bool {
	at := &p.sw.layout.headers[h]
	from, to := at.base/8, (at.base+at.width+7)/8
	return bytes.Equal(p.data[from:to], p.seen.data[from:to]) && bytes.Equal(p.vars[h], p.seen.vars[h])
}

// fieldBytes returns a field's value in memory of its own.
func fieldBytes(f *field, data []byte, vars [][]byte) []byte {
	if f.isVar {
		return append([]byte{}, vars[f.header]...)
	}
	return appendBits([]byte{}, data, f.at, f.width)
}

// traceExtract is for callers that have asked traced. It tells what changed before the header was extracted.
func (p *packet) traceExtract(h, length int) {
	at := &p.sw.layout.headers[h]
	e := Extract{Header: at.model, Offset: p.pos, Bytes: length}
	for i := 0; p.sw.values && i < len(at.fields); i++ {
		e.Values = append(e.Values, fieldBytes(&at.fields[i], p.data, p.vars))
	}
	if p.seen != nil { // the header itself is no change
		p.seen.valid[h], p.seen.vars[h] = true, slices.Clone(p.vars[h])
		from, to := at.base/8, (at.base+at.width+7)/8
		copy(p.seen.data[from:to], p.data[from:to])
	}
	p.trace(e)
}

// traceSum is for callers that have asked traced.
func (p *packet) traceSum(s *checksum, update bool, computed uint64) {
	p.trace(Checked{s.model, update, p.load(s.field).uint64(), computed})
}
