package p4rt

import (
	"bytes"
	"fmt"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// encodeMatch returns the canonical form of a key: don't-care components are left out, bits that are not
// compared are zero ("Match Format").
func (ts *tableSchema) encodeMatch(match []pipeline.Match) ([]*p4v1.FieldMatch, error) {
	if len(match) != len(ts.fields) {
		return nil, fmt.Errorf("%d components for %d keys: %w", len(match), len(ts.fields), pipeline.ErrBadMatch)
	}
	var list []*p4v1.FieldMatch
	for i, f := range ts.fields {
		fm, err := f.encode(&match[i])
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", f.key.Name, err)
		}
		if fm != nil {
			list = append(list, fm)
		}
	}
	return list, nil
}

// encode returns nil for a component that matches everything.
func (f *field) encode(m *pipeline.Match) (*p4v1.FieldMatch, error) {
	size := byteLen(f.key.Width)
	if len(m.Value) != size {
		return nil, fmt.Errorf("%d bytes for %d bits: %w", len(m.Value), f.key.Width, pipeline.ErrBadMatch)
	}
	switch f.kind {
	case pipeline.MatchLPM:
		return f.encodeLPM(m)
	case pipeline.MatchTernary:
		return f.encodeTernary(m)
	case pipeline.MatchOptional:
		return f.encodeOptional(m)
	case pipeline.MatchRange:
		return f.encodeRange(m)
	}
	return &p4v1.FieldMatch{FieldId: f.id, FieldMatchType: &p4v1.FieldMatch_Exact_{
		Exact: &p4v1.FieldMatch_Exact{Value: canonical(m.Value)}}}, nil
}

func (f *field) encodeLPM(m *pipeline.Match) (*p4v1.FieldMatch, error) {
	if m.Prefix < 0 || m.Prefix > f.key.Width {
		return nil, fmt.Errorf("prefix /%d of %d bits: %w", m.Prefix, f.key.Width, pipeline.ErrBadMatch)
	}
	if m.Prefix == 0 {
		return nil, nil
	}
	value := and(m.Value, prefixMask(f.key.Width, m.Prefix))
	return &p4v1.FieldMatch{FieldId: f.id, FieldMatchType: &p4v1.FieldMatch_Lpm{
		Lpm: &p4v1.FieldMatch_LPM{Value: canonical(value), PrefixLen: int32(m.Prefix)}}}, nil
}

func (f *field) encodeTernary(m *pipeline.Match) (*p4v1.FieldMatch, error) {
	if len(m.Mask) != len(m.Value) {
		return nil, fmt.Errorf("mask of %d bytes for %d bits: %w", len(m.Mask), f.key.Width, pipeline.ErrBadMatch)
	}
	if isZero(m.Mask) {
		return nil, nil
	}
	return &p4v1.FieldMatch{FieldId: f.id, FieldMatchType: &p4v1.FieldMatch_Ternary_{
		Ternary: &p4v1.FieldMatch_Ternary{Value: canonical(and(m.Value, m.Mask)), Mask: canonical(m.Mask)}}}, nil
}

func (f *field) encodeOptional(m *pipeline.Match) (*p4v1.FieldMatch, error) {
	switch {
	case isZero(m.Mask):
		return nil, nil
	case !bytes.Equal(m.Mask, ones(f.key.Width)):
		return nil, fmt.Errorf("mask %#x of an optional key: %w", m.Mask, pipeline.ErrBadMatch)
	}
	return &p4v1.FieldMatch{FieldId: f.id, FieldMatchType: &p4v1.FieldMatch_Optional_{
		Optional: &p4v1.FieldMatch_Optional{Value: canonical(m.Value)}}}, nil
}

func (f *field) encodeRange(m *pipeline.Match) (*p4v1.FieldMatch, error) {
	if len(m.High) != len(m.Value) || bytes.Compare(m.Value, m.High) > 0 {
		return nil, fmt.Errorf("range %#x to %#x: %w", m.Value, m.High, pipeline.ErrBadMatch)
	}
	if isZero(m.Value) && bytes.Equal(m.High, ones(f.key.Width)) {
		return nil, nil
	}
	return &p4v1.FieldMatch{FieldId: f.id, FieldMatchType: &p4v1.FieldMatch_Range_{
		Range: &p4v1.FieldMatch_Range{Low: canonical(m.Value), High: canonical(m.High)}}}, nil
}

// decodeMatch reads a key. Components that are absent match everything, which exact ones cannot.
func (ts *tableSchema) decodeMatch(list []*p4v1.FieldMatch) ([]pipeline.Match, error) {
	byID := make(map[uint32]*p4v1.FieldMatch, len(list))
	for _, fm := range list {
		if byID[fm.GetFieldId()] != nil {
			return nil, fmt.Errorf("match field %d twice: %w", fm.GetFieldId(), pipeline.ErrBadMatch)
		}
		byID[fm.GetFieldId()] = fm
	}
	match := make([]pipeline.Match, len(ts.fields))
	for i, f := range ts.fields {
		m, err := f.decode(byID[f.id])
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", f.key.Name, err)
		}
		match[i] = m
		delete(byID, f.id)
	}
	for id := range byID {
		return nil, fmt.Errorf("no match field %d: %w", id, pipeline.ErrBadMatch)
	}
	return match, nil
}

// decode reads one component; fm is nil where the message has none.
func (f *field) decode(fm *p4v1.FieldMatch) (pipeline.Match, error) {
	if fm == nil {
		return f.dontCare()
	}
	switch f.kind {
	case pipeline.MatchLPM:
		return f.decodeLPM(fm.GetLpm())
	case pipeline.MatchTernary:
		return f.decodeTernary(fm.GetTernary())
	case pipeline.MatchOptional:
		return f.decodeOptional(fm.GetOptional())
	case pipeline.MatchRange:
		return f.decodeRange(fm.GetRange())
	}
	if fm.GetExact() == nil {
		return pipeline.Match{}, f.wrongKind()
	}
	value, err := widen(fm.GetExact().GetValue(), f.key.Width)
	return pipeline.Match{Value: value}, err
}

func (f *field) dontCare() (pipeline.Match, error) {
	zero := make([]byte, byteLen(f.key.Width))
	switch f.kind {
	case pipeline.MatchLPM:
		return pipeline.Match{Value: zero}, nil
	case pipeline.MatchTernary, pipeline.MatchOptional:
		return pipeline.Match{Value: zero, Mask: make([]byte, len(zero))}, nil
	case pipeline.MatchRange:
		return pipeline.Match{Value: zero, High: ones(f.key.Width)}, nil
	}
	return pipeline.Match{}, fmt.Errorf("an exact match is missing: %w", pipeline.ErrBadMatch)
}

func (f *field) decodeLPM(m *p4v1.FieldMatch_LPM) (pipeline.Match, error) {
	if m == nil {
		return pipeline.Match{}, f.wrongKind()
	}
	prefix := int(m.GetPrefixLen())
	if prefix <= 0 || prefix > f.key.Width {
		return pipeline.Match{}, fmt.Errorf("prefix length %d, not 1 to %d: %w", prefix, f.key.Width, pipeline.ErrBadMatch)
	}
	value, err := widen(m.GetValue(), f.key.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	if !bytes.Equal(value, and(value, prefixMask(f.key.Width, prefix))) {
		return pipeline.Match{}, fmt.Errorf("bits behind prefix /%d are set: %w", prefix, pipeline.ErrBadMatch)
	}
	return pipeline.Match{Value: value, Prefix: prefix}, nil
}

func (f *field) decodeTernary(m *p4v1.FieldMatch_Ternary) (pipeline.Match, error) {
	if m == nil {
		return pipeline.Match{}, f.wrongKind()
	}
	value, err := widen(m.GetValue(), f.key.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	mask, err := widen(m.GetMask(), f.key.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	switch {
	case isZero(mask):
		return pipeline.Match{}, fmt.Errorf("mask is zero; leave the field out: %w", pipeline.ErrBadMatch)
	case !bytes.Equal(value, and(value, mask)):
		return pipeline.Match{}, fmt.Errorf("bits outside the mask are set: %w", pipeline.ErrBadMatch)
	}
	return pipeline.Match{Value: value, Mask: mask}, nil
}

func (f *field) decodeOptional(m *p4v1.FieldMatch_Optional) (pipeline.Match, error) {
	if m == nil {
		return pipeline.Match{}, f.wrongKind()
	}
	value, err := widen(m.GetValue(), f.key.Width)
	return pipeline.Match{Value: value, Mask: ones(f.key.Width)}, err
}

func (f *field) decodeRange(m *p4v1.FieldMatch_Range) (pipeline.Match, error) {
	if m == nil {
		return pipeline.Match{}, f.wrongKind()
	}
	low, err := widen(m.GetLow(), f.key.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	high, err := widen(m.GetHigh(), f.key.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	switch {
	case bytes.Compare(low, high) > 0:
		return pipeline.Match{}, fmt.Errorf("range %#x to %#x is empty: %w", low, high, pipeline.ErrBadMatch)
	case isZero(low) && bytes.Equal(high, ones(f.key.Width)):
		return pipeline.Match{}, fmt.Errorf("range is everything; leave the field out: %w", pipeline.ErrBadMatch)
	}
	return pipeline.Match{Value: low, High: high}, nil
}

func (f *field) wrongKind() error {
	return fmt.Errorf("not %s: %w", f.kind, pipeline.ErrBadMatch)
}
