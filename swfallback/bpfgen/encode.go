package bpfgen

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

var le = binary.LittleEndian

// AppendKey appends the map key of an entry to dst. Only hash and LPM tables have keys.
func (l *TableLayout) AppendKey(dst []byte, e *pipeline.Entry) ([]byte, error) {
	if l.Kind != LookupHash && l.Kind != LookupLPM {
		return nil, fmt.Errorf("bpfgen: encode key of %s: a %s table has none", l.Table.Name, l.Kind)
	}
	start := len(dst)
	dst = append(dst, make([]byte, l.KeySize)...)
	if l.key.putSteps(dst[start:], e.Match) {
		return dst, nil
	}
	if err := l.putKey(dst[start:], e); err != nil {
		return nil, err
	}
	return dst, nil
}

// putKey writes the key of an entry where zeros are.
func (l *TableLayout) putKey(out []byte, e *pipeline.Entry) error {
	if err := l.checkMatch(e); err != nil {
		return fmt.Errorf("bpfgen: encode key of %s: %w", l.Table.Name, err)
	}
	for i := range l.Table.Keys {
		m := &e.Match[i]
		putPieces(out, l.key.pieces[i], m.Value)
		if l.Table.Keys[i].Kind == pipeline.MatchLPM {
			le.PutUint32(out, uint32(l.key.prefixBase+m.Prefix))
		}
	}
	return nil
}

// checkMatch checks the shape of an entry's match.
func (l *TableLayout) checkMatch(e *pipeline.Entry) error {
	if len(e.Match) != len(l.Table.Keys) {
		return fmt.Errorf("%d components, %d in the key: %w", len(e.Match), len(l.Table.Keys), pipeline.ErrBadMatch)
	}
	for i, k := range l.Table.Keys {
		if len(e.Match[i].Value) != (k.Width+7)/8 {
			return fmt.Errorf("%s: %d bytes for %d bits: %w", k.Name, len(e.Match[i].Value), k.Width, pipeline.ErrBadMatch)
		}
	}
	return nil
}

// AppendValue appends the map value of an entry to dst: of a hash or LPM table. slot is the entry's number in
// CounterMap and HitMap, from 1.
func (l *TableLayout) AppendValue(dst []byte, e *pipeline.Entry, slot uint32) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, l.valueBytes())...)
	if err := l.putValue(dst[start:], e, slot, 0); err != nil {
		return nil, err
	}
	return dst, nil
}

// putValue writes the value of an entry, with more flags, where zeros and these flags are.
func (l *TableLayout) putValue(out []byte, e *pipeline.Entry, slot uint32, flags uint16) error {
	if err := l.putResult(out, e); err != nil {
		return fmt.Errorf("bpfgen: encode entry of %s: %w", l.Table.Name, err)
	}
	if e.SkipHW {
		flags |= flagSkipHW
	}
	if e.SkipSW {
		flags |= flagSkipSW
	}
	if e.Source != (pipeline.Source{}) {
		flags |= flagProgram
	}
	le.PutUint16(out[valueFlags:], flags)
	le.PutUint32(out[valueSlot:], slot)
	if l.Kind == LookupClassifier {
		le.PutUint32(out[valuePriority:], uint32(e.Priority))
	}
	if _, timeout := valueBase(l.Table, l.Kind); timeout > 0 {
		le.PutUint64(out[timeout:], uint64(e.IdleTimeout))
	}
	return nil
}

// AppendDefault appends the value of DefaultMap to dst; a nil call means the program's own default action.
func (l *TableLayout) AppendDefault(dst []byte, call *pipeline.ActionCall) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, l.defaultSize())...)
	if call == nil {
		return dst, nil
	}
	if err := l.call.put(dst[start:], call); err != nil {
		return nil, fmt.Errorf("bpfgen: encode default of %s: %w", l.Table.Name, err)
	}
	return dst, nil
}

// defaultSize returns the size of a value of DefaultMap.
func (l *TableLayout) defaultSize() int {
	base, _ := valueBase(l.Table, l.Kind)
	return (base + l.call.params + 7) &^ 7
}

// Decode returns the entry that AppendKey and AppendValue made of, and its slot. Entry.Source is not kept.
func (l *TableLayout) Decode(key, value []byte) (*pipeline.Entry, uint32, error) {
	if len(key) != l.KeySize || len(value) < l.ValueSize {
		return nil, 0, fmt.Errorf("bpfgen: decode entry of %s: key %d and value %d bytes, want %d and %d",
			l.Table.Name, len(key), len(value), l.KeySize, l.ValueSize)
	}
	e, slot, err := l.decodeValue(value)
	if err != nil {
		return nil, 0, fmt.Errorf("bpfgen: decode entry of %s: %w", l.Table.Name, err)
	}
	for i, k := range l.Table.Keys {
		m := pipeline.Match{Value: getPieces(key, l.key.pieces[i], k.Width)}
		if k.Kind == pipeline.MatchLPM {
			m.Prefix = int(le.Uint32(key)) - l.key.prefixBase
		}
		e.Match = append(e.Match, m)
	}
	return e, slot, nil
}

// decodeValue decodes all of a value but the match.
func (l *TableLayout) decodeValue(value []byte) (*pipeline.Entry, uint32, error) {
	flags := le.Uint16(value[valueFlags:])
	e := &pipeline.Entry{Table: l.Table, SkipHW: flags&flagSkipHW != 0, SkipSW: flags&flagSkipSW != 0}
	if err := l.getResult(value, e); err != nil {
		return nil, 0, err
	}
	if l.Kind == LookupClassifier {
		e.Priority = int32(le.Uint32(value[valuePriority:]))
	}
	if _, timeout := valueBase(l.Table, l.Kind); timeout > 0 {
		e.IdleTimeout = time.Duration(le.Uint64(value[timeout:]))
	}
	return e, le.Uint32(value[valueSlot:]), nil
}

// valueBytes returns the size of an entry's value, without a classifier's match.
func (l *TableLayout) valueBytes() int {
	if l.Kind == LookupClassifier {
		return l.ValueSize - l.key.size
	}
	return l.ValueSize
}

// putResult writes what a hit runs into a value.
func (l *TableLayout) putResult(out []byte, e *pipeline.Entry) error {
	if l.profile == nil {
		return l.call.put(out, e.Call)
	}
	kind, id := uint16(refMember), e.Member
	if e.Group != nil {
		kind, id = refGroup, e.Group
	}
	if id == nil {
		return fmt.Errorf("neither member nor group: %w", pipeline.ErrBadAction)
	}
	le.PutUint16(out[valueAction:], kind)
	le.PutUint32(out[l.refAt:], *id)
	return nil
}

// getResult is the inverse of putResult.
func (l *TableLayout) getResult(value []byte, e *pipeline.Entry) (err error) {
	if l.profile == nil {
		if e.Call, err = l.call.get(value); err == nil && e.Call == nil {
			err = fmt.Errorf("empty value: %w", pipeline.ErrBadAction)
		}
		return err
	}
	id := le.Uint32(value[l.refAt:])
	switch kind := le.Uint16(value[valueAction:]); kind {
	case refMember:
		e.Member = &id
	case refGroup:
		e.Group = &id
	default:
		return fmt.Errorf("reference of kind %d: %w", kind, pipeline.ErrBadAction)
	}
	return nil
}

// DecodeDefault returns what AppendDefault made of; nil is the program's own default action.
func (l *TableLayout) DecodeDefault(value []byte) (*pipeline.ActionCall, error) {
	if len(value) < l.defaultSize() {
		return nil, fmt.Errorf("bpfgen: decode default of %s: %d bytes, want %d", l.Table.Name, len(value), l.defaultSize())
	}
	call, err := l.call.get(value)
	if err != nil {
		return nil, fmt.Errorf("bpfgen: decode default of %s: %w", l.Table.Name, err)
	}
	return call, nil
}

// putPieces writes a big-endian number into the words of a layout.
func putPieces(out []byte, ps []piece, v []byte) {
	for i := range ps {
		p := &ps[i]
		orWord(out[p.off:], p.size, p.encode(bitsOf(v, p.lo)&lowMask(p.width)))
	}
}

// putParam is putPieces for the words of a parameter, which hold nothing else.
func putParam(out []byte, ps []piece, v []byte) {
	for i := range ps {
		p := &ps[i]
		word := p.encode(bitsOf(v, p.lo) & lowMask(p.width))
		switch to := out[p.off:]; p.size {
		case 8:
			le.PutUint64(to, word)
		case 4:
			le.PutUint32(to, uint32(word))
		case 2:
			le.PutUint16(to, uint16(word))
		default:
			to[0] = byte(word)
		}
	}
}

// getPieces reads a number of width bits back, big-endian, (width+7)/8 bytes.
func getPieces(in []byte, ps []piece, width int) []byte {
	out := make([]byte, (width+7)/8)
	for _, p := range ps {
		setBits(out, p.lo, p.decode(getWord(in[p.off:], p.size)))
	}
	return out
}

// bitsOf returns 64 bits of a big-endian number, from bit lo up; a negative lo shifts zeros in below.
func bitsOf(v []byte, lo int) uint64 {
	if lo == 0 && len(v) <= 8 {
		return pipeline.Number(v)
	}
	if lo >= 0 && lo%8 == 0 { // as nearly always: whole bytes
		end := max(0, len(v)-lo/8)
		return pipeline.Number(v[max(0, end-8):end])
	}
	var out uint64
	for i := range v { // byte i from the end holds bits 8i to 8i+7
		at := 8*i - lo
		if at <= -8 || at >= 64 {
			continue
		}
		b := uint64(v[len(v)-1-i])
		if at >= 0 {
			out |= b << at
		} else {
			out |= b >> -at
		}
	}
	return out
}

// setBits is the inverse of bitsOf: it sets the bits of word in a big-endian number that has zeros there.
func setBits(v []byte, lo int, word uint64) {
	for i := range v {
		at := 8*i - lo
		if at <= -8 || at >= 64 {
			continue
		}
		if at >= 0 {
			v[len(v)-1-i] |= byte(word >> at)
		} else {
			v[len(v)-1-i] |= byte(word << -at)
		}
	}
}

// orWord adds bits to a little-endian word of size bytes.
func orWord(b []byte, size int, v uint64) {
	switch size {
	case 8:
		le.PutUint64(b, le.Uint64(b)|v)
		return
	case 4:
		le.PutUint32(b, le.Uint32(b)|uint32(v))
		return
	}
	for i := range size {
		b[i] |= byte(v >> (8 * i))
	}
}

// getWord reads a little-endian word of size bytes.
func getWord(b []byte, size int) uint64 {
	var v uint64
	for i := range size {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

// onesFrom counts the leading one bits of a mask of width bits; ok is false when others follow.
func onesFrom(mask []byte, width int) (n int, ok bool) {
	for _, b := range mask {
		n += bits.OnesCount8(b)
	}
	for i := range n {
		bit := width - 1 - i
		if mask[len(mask)-1-bit/8]>>(bit%8)&1 == 0 {
			return n, false
		}
	}
	return n, true
}
