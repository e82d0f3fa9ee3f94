package bmv2

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// node is a JSON value with the way to it. All methods may be called on a nil node, which stands for a value
// that is absent or was reported already: they return zero values and report nothing.
type node struct {
	imp    *importer
	parent *node
	key    string // member name or index in the parent
	val    any
}

// fail records a finding at n, once.
func (n *node) fail(kind error, format string, args ...any) {
	if n == nil {
		return
	}
	finding := &ImportError{
		Path:   n.path(),
		Source: n.nearestSource(),
		Err:    &detail{kind: kind, text: fmt.Sprintf(format, args...)},
	}
	if text := finding.Error(); !n.imp.reported[text] {
		n.imp.reported[text] = true
		n.imp.findings = append(n.imp.findings, finding)
	}
}

// path returns the JSON pointer of n.
func (n *node) path() string {
	var parts []string
	for ; n.parent != nil; n = n.parent {
		parts = append(parts, n.key)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(escape.Replace(parts[i]))
	}
	return b.String()
}

// nearestSource returns the source_info of n or of the nearest ancestor that has one.
func (n *node) nearestSource() pipeline.Source {
	for ; n != nil; n = n.parent {
		if src := n.source(); src != (pipeline.Source{}) {
			return src
		}
	}
	return pipeline.Source{}
}

// source returns n's own source_info. It is never worth a finding: anything unexpected reads as zero.
func (n *node) source() pipeline.Source {
	if n == nil {
		return pipeline.Source{}
	}
	obj, _ := n.val.(map[string]any)
	info, _ := obj["source_info"].(map[string]any)
	var src pipeline.Source
	src.File, _ = info["filename"].(string)
	src.Fragment, _ = info["source_fragment"].(string)
	if num, ok := info["line"].(json.Number); ok {
		src.Line, _ = strconv.Atoi(num.String())
	}
	if num, ok := info["column"].(json.Number); ok {
		src.Column, _ = strconv.Atoi(num.String())
	}
	return src
}

// object returns n's members, or nil and a finding.
func (n *node) object() map[string]any {
	if n == nil {
		return nil
	}
	obj, ok := n.val.(map[string]any)
	if !ok {
		n.fail(ErrType, "want an object, got %s", typeName(n.val))
	}
	return obj
}

// member returns a member that has to be there; null counts as there.
func (n *node) member(name string) *node {
	obj := n.object()
	if obj == nil {
		return nil
	}
	val, ok := obj[name]
	if !ok {
		n.fail(ErrMissing, "%q", name)
		return nil
	}
	return &node{imp: n.imp, parent: n, key: name, val: val}
}

// optional returns a member, or nil where it is absent or null.
func (n *node) optional(name string) *node {
	if n == nil {
		return nil
	}
	obj, ok := n.val.(map[string]any)
	if !ok || obj[name] == nil {
		return nil
	}
	return &node{imp: n.imp, parent: n, key: name, val: obj[name]}
}

// items returns the elements of an array.
func (n *node) items() []*node {
	if n == nil {
		return nil
	}
	list, ok := n.val.([]any)
	if !ok {
		n.fail(ErrType, "want an array, got %s", typeName(n.val))
		return nil
	}
	out := make([]*node, len(list))
	for i, val := range list {
		out[i] = &node{imp: n.imp, parent: n, key: strconv.Itoa(i), val: val}
	}
	return out
}

// tuple returns the elements of an array of least to most elements, or nil and a finding.
func (n *node) tuple(least, most int) []*node {
	items := n.items()
	if items != nil && (len(items) < least || len(items) > most) {
		n.fail(ErrType, "want an array of %d elements, got %d", least, len(items))
		return nil
	}
	return items
}

// text returns a string.
func (n *node) text() string {
	if n == nil {
		return ""
	}
	s, ok := n.val.(string)
	if !ok {
		n.fail(ErrType, "want a string, got %s", typeName(n.val))
	}
	return s
}

// boolean returns true or false.
func (n *node) boolean() bool {
	if n == nil {
		return false
	}
	b, ok := n.val.(bool)
	if !ok {
		n.fail(ErrType, "want true or false, got %s", typeName(n.val))
	}
	return b
}

// flag is boolean for members that p4c writes as 0 and 1 too.
func (n *node) flag() bool {
	if _, ok := n.val.(json.Number); ok {
		return n.integer(0, 1) == 1
	}
	return n.boolean()
}

// integer returns a number from low to high, both included; low where there is a finding.
func (n *node) integer(low, high int) int {
	if n == nil {
		return low
	}
	i, _ := n.number(low, high)
	return i
}

// number is integer that tells whether there was a finding.
func (n *node) number(low, high int) (int, bool) {
	num, ok := n.val.(json.Number)
	if !ok {
		n.fail(ErrType, "want a number, got %s", typeName(n.val))
		return low, false
	}
	i, err := strconv.ParseInt(num.String(), 10, 64)
	if err != nil {
		n.fail(ErrType, "want an integer, got %.40s", num)
		return low, false
	}
	if i < int64(low) || i > int64(high) {
		n.fail(ErrRange, "%d is not in %d..%d", i, low, high)
		return low, false
	}
	return int(i), true
}

// hexadecimal returns the number that a hexstr stands for, which may be negative; nil and a finding
// otherwise.
func (n *node) hexadecimal() *big.Int {
	if n == nil {
		return nil
	}
	s, ok := n.val.(string)
	if !ok {
		n.fail(ErrType, "want a hexadecimal number, got %s", typeName(n.val))
		return nil
	}
	digits, negative := strings.CutPrefix(s, "-")
	digits = strings.TrimPrefix(digits, "0x")
	if len(digits) > maxWidth/4 {
		n.fail(ErrRange, "hexadecimal number of %d digits", len(digits))
		return nil
	}
	v, ok := new(big.Int).SetString(digits, 16)
	if !ok || strings.ContainsAny(digits, "+-_") {
		n.fail(ErrType, "want a hexadecimal number, got %.40q", s)
		return nil
	}
	if negative {
		v.Neg(v)
	}
	return v
}

// unsigned is hexadecimal for a number from 0 to 2^bits-1.
func (n *node) unsigned(bits int) *big.Int {
	v := n.hexadecimal()
	if v == nil {
		return nil
	}
	if v.Sign() < 0 || v.BitLen() > bits {
		n.fail(ErrWidth, "%s does not fit into %d bits", n.val, bits)
		return nil
	}
	return v
}

// octets is unsigned as big-endian bytes, (bits+7)/8 of them; nil and a finding otherwise.
func (n *node) octets(bits int) []byte {
	v := n.unsigned(bits)
	if v == nil {
		return nil
	}
	return v.FillBytes(make([]byte, (bits+7)/8))
}

func typeName(val any) string {
	switch val.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

// declare enters obj into a table of names, with a finding where the name is taken.
func declare[K comparable, T any](n *node, names map[K]T, name K, obj T) {
	if n == nil {
		return
	}
	if _, taken := names[name]; taken {
		n.fail(ErrDuplicate, "%v", name)
		return
	}
	names[name] = obj
}

// lookup returns what n's text names; the zero value and a finding where it names nothing.
func lookup[T any](n *node, names map[string]T, what string) (obj T) {
	if n == nil {
		return obj
	}
	name, ok := n.val.(string)
	if !ok {
		n.fail(ErrType, "want the name of a %s, got %s", what, typeName(n.val))
		return obj
	}
	obj, ok = names[name]
	if !ok {
		n.fail(ErrUnknown, "no %s %.80q", what, name)
	}
	return obj
}

// lookupID is lookup for objects that are referred to by number.
func lookupID[T any](n *node, ids map[int]T, what string) (obj T) {
	if n == nil {
		return obj
	}
	id, ok := n.number(0, maxID)
	if !ok {
		return obj
	}
	if obj, ok = ids[id]; !ok {
		n.fail(ErrUnknown, "no %s with id %d", what, id)
	}
	return obj
}
