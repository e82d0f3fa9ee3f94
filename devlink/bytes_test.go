package devlink

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"sync"
)

// Builders of wire bytes that use nothing of the package: layouts are those of linux/netlink.h, host byte order.

var native = binary.NativeEndian

// at builds an attribute; the payload is a string (NUL-terminated), a number, bytes, nil (flag), or nested attributes.
func at(typ uint16, payload any) []byte {
	var p []byte
	switch v := payload.(type) {
	case nil:
	case string:
		p = append([]byte(v), 0)
	case uint8:
		p = []byte{v}
	case uint16:
		p = native.AppendUint16(nil, v)
	case uint32:
		p = native.AppendUint32(nil, v)
	case uint64:
		p = native.AppendUint64(nil, v)
	case []byte:
		p = v
	default:
		panic("at: unsupported payload")
	}
	b := native.AppendUint16(nil, uint16(4+len(p)))
	b = native.AppendUint16(b, typ)
	b = append(b, p...)
	return append(b, make([]byte, -len(b)&3)...)
}

// in builds a nested attribute.
func in(typ uint16, attrs ...[]byte) []byte { return at(typ, bytes.Join(attrs, nil)) }

// join concatenates.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// nl builds a netlink message.
func nl(typ, flags uint16, seq uint32, payload ...[]byte) []byte {
	p := join(payload...)
	b := native.AppendUint32(nil, uint32(16+len(p)))
	b = native.AppendUint16(b, typ)
	b = native.AppendUint16(b, flags)
	b = native.AppendUint32(b, seq)
	b = native.AppendUint32(b, 0)
	b = append(b, p...)
	return append(b, make([]byte, -len(b)&3)...)
}

// gen builds a generic netlink message of the family that the script endpoint has.
func gen(cmd uint8, flags uint16, seq uint32, attrs ...[]byte) []byte {
	return nl(0x15, flags, seq, append([][]byte{{cmd, 1, 0, 0}}, attrs...)...)
}

// num32 is a number in host byte order.
func num32(v int32) []byte { return native.AppendUint32(nil, uint32(v)) }

// nlErr builds NLMSG_ERROR with the header of the request, capped.
func nlErr(seq uint32, errno int32, tlvs ...[]byte) []byte {
	flags := uint16(0x100)
	if len(tlvs) > 0 {
		flags |= 0x200
	}
	return nl(2, flags, seq, num32(-errno), nl(0x15, 5, seq), join(tlvs...))
}

// nlDone builds NLMSG_DONE.
func nlDone(seq uint32, errno int32) []byte { return nl(3, 2, seq, num32(-errno)) }

// pci is the handle that most messages carry.
var pci = join(at(1, "pci"), at(2, "0000:01:00.0"))

// familyReply is the answer to CTRL_CMD_GETFAMILY: family 0x15, group config is 7.
func familyReply(seq uint32) []byte {
	return nl(0x10, 0, seq, []byte{1, 2, 0, 0}, at(2, "devlink"), at(1, uint16(0x15)), at(3, uint32(1)),
		in(7, in(1, at(2, uint32(7)), at(1, "config"))))
}

// A script is an Endpoint that answers the family request by itself and every later request with the next reply.
type script struct {
	replies [][][]byte // per request: datagrams

	mu       sync.Mutex
	requests [][]byte
	queue    chan []byte
}

// newScript returns an endpoint with replies to the requests in order. Sequence numbers start at 2.
func newScript(replies ...[][]byte) *script {
	return &script{replies: replies, queue: make(chan []byte, 1024)}
}

func (s *script) Send(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := native.Uint32(b[8:])
	if native.Uint16(b[4:]) == 0x10 {
		s.queue <- familyReply(seq)
		s.queue <- nlErr(seq, 0)
		return nil
	}
	s.requests = append(s.requests, bytes.Clone(b))
	if len(s.replies) > 0 {
		for _, d := range s.replies[0] {
			s.queue <- d
		}
		s.replies = s.replies[1:]
	}
	return nil
}

func (s *script) Recv(ctx context.Context) ([]byte, error) {
	select {
	case b := <-s.queue:
		return b, nil
	default:
	}
	select {
	case b := <-s.queue:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *script) Join(group uint32) error {
	if group != 7 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (s *script) Close() error { return nil }

// client returns a Client whose every endpoint is s.
func (s *script) client() *Client {
	return New(func(context.Context) (Endpoint, error) { return s, nil })
}
