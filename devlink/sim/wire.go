package sim

import (
	"encoding/binary"
	"strings"
)

// host is netlink's byte order.
var host = binary.NativeEndian

func align(n int) int { return (n + 3) &^ 3 }

// header is a struct nlmsghdr.
type header struct {
	length uint32
	typ    uint16
	flags  uint16
	seq    uint32
	pid    uint32
}

func parseHeader(b []byte) header {
	return header{host.Uint32(b), host.Uint16(b[4:]), host.Uint16(b[6:]), host.Uint32(b[8:]), host.Uint32(b[12:])}
}

// skb is a datagram under construction, with a fixed amount of room as the kernel's. A put that does not fit
// changes nothing and sets full; rollback clears it.
type skb struct {
	buf  []byte
	room int
	full bool
}

func newSkb() *skb { return &skb{room: skbSize} }

func (b *skb) grow(n int) []byte {
	if b.full || len(b.buf)+n > b.room {
		b.full = true
		return nil
	}
	b.buf = append(b.buf, make([]byte, n)...)
	return b.buf[len(b.buf)-n:]
}

// mark returns a place to roll back to.
func (b *skb) mark() int { return len(b.buf) }

func (b *skb) rollback(mark int) { b.buf, b.full = b.buf[:mark], false }

// message appends one netlink message whose length is known when body has run.
func (b *skb) message(h header, body func()) {
	start := b.mark()
	p := b.grow(nlmsgHdrLen)
	if p == nil {
		return
	}
	host.PutUint16(p[4:], h.typ)
	host.PutUint16(p[6:], h.flags)
	host.PutUint32(p[8:], h.seq)
	host.PutUint32(p[12:], h.pid)
	body()
	host.PutUint32(b.buf[start:], uint32(len(b.buf)-start))
}

// genl appends a message of the generic netlink family typ.
func (b *skb) genl(h header, cmd, version uint8, body func()) {
	b.message(h, func() {
		if p := b.grow(genlHdrLen); p != nil {
			p[0], p[1] = cmd, version
		}
		body()
	})
}

// put appends an attribute with n bytes of payload and returns them, or nil when there is no room.
func (b *skb) put(typ uint16, n int) []byte {
	p := b.grow(align(nlaHdrLen + n))
	if p == nil {
		return nil
	}
	host.PutUint16(p, uint16(nlaHdrLen+n))
	host.PutUint16(p[2:], typ)
	return p[nlaHdrLen : nlaHdrLen+n]
}

func (b *skb) flag(typ uint16) { b.put(typ, 0) }

func (b *skb) u8(typ uint16, v uint8) {
	if p := b.put(typ, 1); p != nil {
		p[0] = v
	}
}

func (b *skb) u16(typ uint16, v uint16) {
	if p := b.put(typ, 2); p != nil {
		host.PutUint16(p, v)
	}
}

func (b *skb) u32(typ uint16, v uint32) {
	if p := b.put(typ, 4); p != nil {
		host.PutUint32(p, v)
	}
}

func (b *skb) u64(typ uint16, v uint64) {
	if p := b.put(typ, 8); p != nil {
		host.PutUint64(p, v)
	}
}

// bits appends a bitfield32: value, then selector.
func (b *skb) bits(typ uint16, value, selector uint32) {
	if p := b.put(typ, 8); p != nil {
		host.PutUint32(p, value)
		host.PutUint32(p[4:], selector)
	}
}

// str appends a string with its terminating zero.
func (b *skb) str(typ uint16, s string) { copy(b.put(typ, len(s)+1), s) }

func (b *skb) bytes(typ uint16, v []byte) { copy(b.put(typ, len(v)), v) }

// boolean appends a u8 of 0 or 1.
func (b *skb) boolean(typ uint16, v bool) { b.u8(typ, b2u(v)) }

// nest appends an attribute that contains what body puts. Most of devlink's nests lack NLA_F_NESTED; those
// that have it are given with the bit set in typ.
func (b *skb) nest(typ uint16, body func()) {
	start := b.mark()
	if b.put(typ, 0) == nil && b.full {
		return
	}
	body()
	if n := len(b.buf) - start; n <= 0xffff {
		host.PutUint16(b.buf[start:], uint16(n))
	} else {
		b.full = true
	}
}

func b2u(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

// attr is one attribute of a request: its payload, and where its header lies in the message.
type attr struct {
	data   []byte
	offset int
}

// attrs are the attributes of a request by type; of a type that occurs twice the last one counts, as in the
// kernel's tables.
type attrs map[uint16]attr

// parseAttrs reads the attributes in msg from offset on. What is left over at the end is ignored.
func parseAttrs(msg []byte, offset int) attrs {
	out := attrs{}
	for offset+nlaHdrLen <= len(msg) {
		n := int(host.Uint16(msg[offset:]))
		if n < nlaHdrLen || offset+n > len(msg) {
			break
		}
		typ := host.Uint16(msg[offset+2:]) & nlaTypeMask
		out[typ] = attr{msg[offset+nlaHdrLen : offset+n], offset}
		offset += align(n)
	}
	return out
}

func (a attrs) has(typ uint16) bool { _, ok := a[typ]; return ok }

// The getters return zero for a missing attribute; policy has checked the length of a present one.

func (a attrs) u8(typ uint16) uint8 {
	if d := a[typ].data; len(d) >= 1 {
		return d[0]
	}
	return 0
}

func (a attrs) u32(typ uint16) uint32 {
	if d := a[typ].data; len(d) >= 4 {
		return host.Uint32(d)
	}
	return 0
}

func (a attrs) u64(typ uint16) uint64 {
	if d := a[typ].data; len(d) >= 8 {
		return host.Uint64(d)
	}
	return 0
}

func (a attrs) str(typ uint16) string {
	s, _, _ := strings.Cut(string(a[typ].data), "\x00")
	return s
}

// bits returns the selected bits of a bitfield32.
func (a attrs) bits(typ uint16) uint32 {
	if d := a[typ].data; len(d) >= 8 {
		return host.Uint32(d) & host.Uint32(d[4:])
	}
	return 0
}
