package devlink

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
)

// Sizes of struct nlmsghdr and struct genlmsghdr, in bytes.
const (
	nlmsgHeaderLen = 16
	genlHeaderLen  = 4
)

// Attributes of an extended acknowledgement (enum nlmsgerr_attrs in linux/netlink.h).
const (
	extAckMessage = 1
	extAckOffset  = 2
)

// splitMessage takes the first netlink message off a datagram. Data aliases b. The header's length may leave out the
// padding at the end, as the last message of a datagram does.
func splitMessage(b []byte) (m netlink.Message, rest []byte, err error) {
	if len(b) < nlmsgHeaderLen {
		return m, nil, fmt.Errorf("%w: %d bytes where a header needs %d", ErrMalformed, len(b), nlmsgHeaderLen)
	}
	m.Header = netlink.Header{
		Length:   binary.NativeEndian.Uint32(b),
		Type:     netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])),
		Flags:    netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:])),
		Sequence: binary.NativeEndian.Uint32(b[8:]),
		PID:      binary.NativeEndian.Uint32(b[12:]),
	}
	if m.Header.Length < nlmsgHeaderLen || uint64(m.Header.Length) > uint64(len(b)) {
		return m, nil, fmt.Errorf("%w: header says %d bytes, %d are there", ErrMalformed, m.Header.Length, len(b))
	}
	m.Data = b[nlmsgHeaderLen:m.Header.Length]
	next := min(align4(int(m.Header.Length)), len(b))
	return m, b[next:], nil
}

// align4 rounds up to netlink's alignment.
func align4(n int) int { return (n + 3) &^ 3 }

// splitGeneric takes the generic netlink header off a message's payload and returns the command and the attributes.
func splitGeneric(data []byte) (Command, []byte, error) {
	if len(data) < genlHeaderLen {
		return 0, nil, fmt.Errorf("%w: %d bytes where a generic netlink header needs %d",
			ErrMalformed, len(data), genlHeaderLen)
	}
	return Command(data[0]), data[genlHeaderLen:], nil
}

// An ack is what an error message, or the end of a multipart reply, says.
type ack struct {
	errno   syscall.Errno // 0: success
	message string
	offset  int
}

// decodeAck reads the payload of NLMSG_ERROR (struct nlmsgerr and extended acknowledgement) or NLMSG_DONE (an error
// number, which may be missing, and extended acknowledgement).
func decodeAck(m netlink.Message) (ack, error) {
	done := m.Header.Type == netlink.Done
	if len(m.Data) < 4 {
		if done {
			return ack{}, nil
		}
		return ack{}, fmt.Errorf("%w: error message of %d bytes", ErrMalformed, len(m.Data))
	}
	code := int32(binary.NativeEndian.Uint32(m.Data))
	if code > 0 {
		if done {
			code = 0 // a dump callback's last return value: a length, not an error
		} else {
			return ack{}, fmt.Errorf("%w: positive error number %d", ErrMalformed, code)
		}
	}
	a := ack{errno: syscall.Errno(-int64(code))}
	if m.Header.Flags&netlink.AcknowledgeTLVs == 0 {
		return a, nil
	}
	off := 4
	if !done {
		var err error
		if off, err = ackAttributes(m); err != nil {
			return a, err
		}
	}
	err := a.decode(m.Data[off:])
	return a, err
}

// ackAttributes returns where in an error message's payload the attributes start: after the request's header, and after
// the request's payload unless NLM_F_CAPPED says that it was left out.
func ackAttributes(m netlink.Message) (int, error) {
	const capped = 4 + nlmsgHeaderLen
	if len(m.Data) < capped {
		return 0, fmt.Errorf("%w: error message of %d bytes", ErrMalformed, len(m.Data))
	}
	if m.Header.Flags&netlink.Capped != 0 {
		return capped, nil
	}
	request := binary.NativeEndian.Uint32(m.Data[4:])
	if request < nlmsgHeaderLen || uint64(request) > uint64(len(m.Data)-4) {
		return 0, fmt.Errorf("%w: error message quotes %d bytes, %d are there", ErrMalformed, request, len(m.Data)-4)
	}
	return min(4+align4(int(request)), len(m.Data)), nil
}

// decode reads the attributes of an extended acknowledgement; those it does not know are skipped.
func (a *ack) decode(b []byte) error {
	return eachAttr(b, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case extAckMessage:
			a.message = ad.String()
		case extAckOffset:
			a.offset = int(ad.Uint32())
		}
	})
}

// eachAttr calls field for every attribute of b, in order. The first malformed attribute, or the first whose payload
// field asked for with another size, ends the walk with an error.
func eachAttr(b []byte, field func(ad *netlink.AttributeDecoder)) error {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return walk(ad, field)
}

// walk is eachAttr on a decoder that exists.
func walk(ad *netlink.AttributeDecoder, field func(ad *netlink.AttributeDecoder)) error {
	for ad.Next() {
		field(ad)
	}
	if err := ad.Err(); err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return nil
}

// nest calls field for every attribute inside the attribute that ad stands at.
func nest(ad *netlink.AttributeDecoder, field func(ad *netlink.AttributeDecoder)) {
	ad.Nested(func(inner *netlink.AttributeDecoder) error { return walk(inner, field) })
}

// decodeHandle reads the handle with which every reply about a device starts.
func decodeHandle(b []byte) (Handle, error) {
	var h Handle
	err := eachAttr(b, func(ad *netlink.AttributeDecoder) { h.decode(ad) })
	return h, err
}

// decode takes the attribute that ad stands at if it is a part of the handle.
func (h *Handle) decode(ad *netlink.AttributeDecoder) bool {
	switch ad.Type() {
	case attrBusName:
		h.Bus = ad.String()
	case attrDevName:
		h.Dev = ad.String()
	default:
		return false
	}
	return true
}
