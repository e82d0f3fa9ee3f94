package sim

import (
	"fmt"
	"math"
	"syscall"
)

// Fmsg is a formatted message of a health reporter: a tree of objects, arrays and named values. The core has
// opened an object around what a driver puts; drivers add pairs. The first error sticks.
type Fmsg struct {
	items []fmsgItem
	depth int
	err   error
}

type fmsgItem struct {
	attr uint16
	typ  uint8 // of a value
	data []byte
}

// fmsgMax is the most bytes that a name or value may have: what fits into a datagram of its own.
const fmsgMax = skbSize - nlmsgHdrLen - 3*nlaHdrLen - genlHdrLen - 4

func (f *Fmsg) add(i fmsgItem) {
	if len(i.data) > fmsgMax && f.err == nil {
		f.err = syscall.EMSGSIZE
	}
	f.items = append(f.items, i)
}

func (f *Fmsg) name(s string) { f.add(fmsgItem{attr: attrFmsgName, data: append([]byte(s), 0)}) }

func (f *Fmsg) nest(attr uint16, body func()) {
	f.add(fmsgItem{attr: attr})
	f.depth++
	body()
	f.depth--
	f.add(fmsgItem{attr: attrFmsgEnd})
}

// End ends a nest, or one more than there are: netdevsim does so.
func (f *Fmsg) End() { f.add(fmsgItem{attr: attrFmsgEnd}) }

// Object puts an object that holds what body puts.
func (f *Fmsg) Object(body func()) { f.nest(attrFmsgObjStart, body) }

// Pair puts a named value. Bytes stand in an array, as the kernel has them.
func (f *Fmsg) Pair(name string, value any) {
	if b, ok := value.([]byte); ok {
		f.ArrayPair(name, func() { f.Value(b) })
		return
	}
	f.nest(attrFmsgPairStart, func() {
		f.name(name)
		f.Value(value)
	})
}

// ObjectPair puts a named object that holds what body puts.
func (f *Fmsg) ObjectPair(name string, body func()) {
	f.nest(attrFmsgPairStart, func() {
		f.name(name)
		f.Object(body)
	})
}

// ArrayPair puts a named array of what body puts.
func (f *Fmsg) ArrayPair(name string, body func()) {
	f.nest(attrFmsgPairStart, func() {
		f.name(name)
		f.nest(attrFmsgArrStart, body)
	})
}

// Value puts a value: bool, uint8, uint32, uint64, a non-negative int, string or bytes.
func (f *Fmsg) Value(v any) {
	switch v := v.(type) {
	case bool:
		f.add(fmsgItem{attrFmsgData, varFlag, []byte{b2u(v)}})
	case uint8:
		f.add(fmsgItem{attrFmsgData, varU8, []byte{v}})
	case uint32:
		f.add(fmsgItem{attrFmsgData, varU32, host.AppendUint32(nil, v)})
	case uint64:
		f.add(fmsgItem{attrFmsgData, varU64, host.AppendUint64(nil, v)})
	case int:
		f.add(fmsgItem{attrFmsgData, varU64, host.AppendUint64(nil, uint64(min(max(v, 0), math.MaxInt)))})
	case string:
		f.add(fmsgItem{attrFmsgData, varNulStr, append([]byte(v), 0)})
	case []byte:
		f.add(fmsgItem{attrFmsgData, varBinary, append([]byte(nil), v...)})
	default:
		if f.err == nil {
			f.err = &Error{Errno: syscall.EINVAL, Message: fmt.Sprintf("no formatted message holds a %T", v)}
		}
	}
}

// collect runs a driver's function inside an object.
func collect(fill func(*Fmsg) error) (*Fmsg, error) {
	f := &Fmsg{}
	var err error
	f.Object(func() { err = fill(f) })
	if err == nil {
		err = f.err
	}
	return f, err
}

// put puts the items from at on into a nest and returns where to go on.
func (f *Fmsg) put(b *skb, at int) int {
	b.nest(attrFmsg, func() {
		for ; at < len(f.items); at++ {
			mark := b.mark()
			if f.items[at].put(b); b.full {
				b.rollback(mark)
				return
			}
		}
	})
	return at
}

func (i fmsgItem) put(b *skb) {
	if i.attr == attrFmsgData {
		b.u8(attrFmsgType, i.typ)
	}
	b.bytes(i.attr, i.data)
}
