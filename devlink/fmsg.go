package devlink

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mdlayher/netlink"
)

// A Message is an object of what a health reporter says, with its members in the order of the driver. Values are bool,
// uint8, uint32, uint64, string, HexBytes, Message, or []any of these.
type Message []Member

// A Member is a named value. The name is empty where the driver put a bare value into an object.
type Member struct {
	Name  string
	Value any
}

// Get returns the first member of a name, or nil.
func (m Message) Get(name string) any {
	for _, member := range m {
		if member.Name == name {
			return member.Value
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler: an object with the members in order.
func (m Message) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, member := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(member.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(member.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// maxMessageDepth bounds the nesting that is followed.
const maxMessageDepth = 64

// A messageBuilder puts a formatted message together from its parts: nests may begin in one and end in another.
type messageBuilder struct {
	open []messageNest // outermost first
	top  []any
	typ  ValueType // of the next value
}

// A messageNest is a nest that has not ended yet.
type messageNest struct {
	kind   uint16 // the attribute that started it
	name   string // of a pair
	values []any  // of a pair or an array; an object's members are Member values here
}

// part takes one message.
func (b *messageBuilder) part(attrs []byte) error {
	return eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrFmsg {
			nest(ad, b.item)
		}
	})
}

// item takes one attribute of DEVLINK_ATTR_FMSG.
func (b *messageBuilder) item(ad *netlink.AttributeDecoder) {
	switch typ := ad.Type(); typ {
	case attrFmsgObjNestStart, attrFmsgPairNestStart, attrFmsgArrNestStart:
		if len(b.open) == maxMessageDepth {
			ad.Do(func([]byte) error { return fmt.Errorf("values nested deeper than %d", maxMessageDepth) })
			return
		}
		b.open = append(b.open, messageNest{kind: typ})
	case attrFmsgNestEnd:
		b.end()
	case attrFmsgObjName:
		if n := len(b.open); n > 0 {
			b.open[n-1].name = ad.String()
		}
	case attrFmsgObjValueType:
		b.typ = ValueType(ad.Uint8())
	case attrFmsgObjValueData:
		b.add(decodeValue(ad, b.typ))
	}
}

// end closes the innermost nest and adds what it made to the one around it. An end too many is passed over:
// netdevsim of Linux 6.1 and 6.12 has some in its messages.
func (b *messageBuilder) end() {
	n := len(b.open)
	if n == 0 {
		return
	}
	closed := b.open[n-1]
	b.open = b.open[:n-1]
	b.add(closed.value())
}

// add puts a value into the innermost nest.
func (b *messageBuilder) add(v any) {
	if n := len(b.open); n > 0 {
		b.open[n-1].values = append(b.open[n-1].values, v)
		return
	}
	b.top = append(b.top, v)
}

// value returns what a nest holds, now that it has ended: a Member for a pair.
func (n *messageNest) value() any {
	switch n.kind {
	case attrFmsgPairNestStart:
		if len(n.values) == 1 {
			return Member{Name: n.name, Value: n.values[0]}
		}
		return Member{Name: n.name, Value: bare(n.values)}
	case attrFmsgArrNestStart:
		if b, ok := joinBinary(n.values); ok {
			return b
		}
		return bare(n.values)
	}
	return object(n.values)
}

// object turns members, and values without a name, into a Message.
func object(values []any) Message {
	m := make(Message, 0, len(values))
	for _, v := range values {
		if member, ok := v.(Member); ok {
			m = append(m, member)
		} else {
			m = append(m, Member{Value: v})
		}
	}
	return m
}

// bare makes a list whose elements are values: a pair among them becomes an object of one member.
func bare(values []any) []any {
	out := make([]any, 0, len(values))
	for _, v := range values {
		if member, ok := v.(Member); ok {
			v = Message{member}
		}
		out = append(out, v)
	}
	return out
}

// joinBinary puts the pieces together into which the kernel cuts binary data.
func joinBinary(values []any) (HexBytes, bool) {
	var out HexBytes
	for _, v := range values {
		b, ok := v.(HexBytes)
		if !ok {
			return nil, false
		}
		out = append(out, b...)
	}
	return out, len(values) > 0
}

// finish returns the whole: the object that the kernel wraps everything in, or a list where there is more than one
// value; nil where nothing came. Members behind the object belong to it, and came after an end too many.
func (b *messageBuilder) finish() (any, error) {
	if len(b.open) > 0 {
		return nil, fmt.Errorf("%w: %d nests did not end", ErrMalformed, len(b.open))
	}
	if m, ok := b.whole(); ok {
		return m, nil
	}
	switch len(b.top) {
	case 0:
		return nil, nil
	case 1:
		if member, ok := b.top[0].(Member); ok {
			return Message{member}, nil
		}
		return b.top[0], nil
	}
	return bare(b.top), nil
}

// whole joins an object and the members behind it.
func (b *messageBuilder) whole() (Message, bool) {
	if len(b.top) < 2 {
		return nil, false
	}
	m, ok := b.top[0].(Message)
	for _, v := range b.top[1:] {
		member, isMember := v.(Member)
		ok = ok && isMember
		m = append(m, member)
	}
	return m, ok
}
