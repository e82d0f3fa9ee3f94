package devlink

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/mdlayher/netlink"
)

// A tracer prints datagrams. A nil tracer prints nothing.
type tracer struct {
	mu sync.Mutex // guards w: several endpoints trace at once
	w  io.Writer
}

// datagram prints one datagram, in one write.
func (t *tracer) datagram(direction string, datagram []byte) {
	if t == nil {
		return
	}
	text := FormatDatagram(direction, datagram)
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.w, text)
}

// FormatDatagram returns a datagram in words, as WithTrace prints it: a line for every message, which direction begins
// ("->" for requests, "<-" for replies), and one for every attribute, nested ones indented.
func FormatDatagram(direction string, datagram []byte) string {
	var b strings.Builder
	for len(datagram) > 0 {
		m, rest, err := splitMessage(datagram)
		if err != nil {
			fmt.Fprintf(&b, "%s %v: %s\n", direction, err, hex.EncodeToString(datagram))
			break
		}
		traceMessage(&b, direction, m)
		datagram = rest
	}
	return b.String()
}

// traceMessage prints a message's header on one line and its attributes below.
func traceMessage(b *strings.Builder, direction string, m netlink.Message) {
	fmt.Fprintf(b, "%s seq %d %s", direction, m.Header.Sequence, traceType(m))
	if m.Header.Flags != 0 {
		fmt.Fprintf(b, " [%s]", traceFlags(direction, m.Header))
	}
	fmt.Fprintf(b, " %d bytes", m.Header.Length)
	if m.Header.Type == netlink.Error || m.Header.Type == netlink.Done {
		traceAck(b, m)
		return
	}
	b.WriteByte('\n')
	if len(m.Data) < genlHeaderLen {
		return
	}
	names := attrNames
	if m.Header.Type == controlFamily {
		names = controlNames
	}
	traceAttrs(b, names, m.Data[genlHeaderLen:], 1)
}

// traceType names a message.
func traceType(m netlink.Message) string {
	switch m.Header.Type {
	case netlink.Noop:
		return "NOOP"
	case netlink.Error:
		return "ERROR"
	case netlink.Done:
		return "DONE"
	case netlink.Overrun:
		return "OVERRUN"
	}
	if len(m.Data) < genlHeaderLen {
		return "family " + strconv.Itoa(int(m.Header.Type))
	}
	if m.Header.Type == controlFamily {
		return "CTRL cmd " + strconv.Itoa(int(m.Data[0]))
	}
	return Command(m.Data[0]).String()
}

// traceFlags names a header's flags, whose upper half means one thing in requests and another in error messages.
func traceFlags(direction string, h netlink.Header) string {
	names := []string{"request", "multi", "ack", "echo", "dump_intr", "dump_filtered"}
	var out []string
	for i, n := range names {
		if h.Flags&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	high := h.Flags &^ (1<<len(names) - 1)
	switch {
	case direction == "->" && high == netlink.Dump:
		out, high = append(out, "dump"), 0
	case direction == "<-" && high&netlink.Capped != 0:
		out, high = append(out, "capped"), high&^netlink.Capped
	}
	if direction == "<-" && high&netlink.AcknowledgeTLVs != 0 {
		out, high = append(out, "tlvs"), high&^netlink.AcknowledgeTLVs
	}
	if high != 0 {
		out = append(out, fmt.Sprintf("%#x", uint16(high)))
	}
	return strings.Join(out, " ")
}

// traceAck prints what an error message or the end of a multipart reply says.
func traceAck(b *strings.Builder, m netlink.Message) {
	a, err := decodeAck(m)
	switch {
	case err != nil:
		fmt.Fprintf(b, " %v", err)
	case a.errno != 0:
		fmt.Fprintf(b, " errno %d (%v)", int(a.errno), a.errno)
	default:
		b.WriteString(" ok")
	}
	if a.message != "" {
		fmt.Fprintf(b, " %q", a.message)
	}
	if a.offset != 0 {
		fmt.Fprintf(b, " at byte %d", a.offset)
	}
	b.WriteByte('\n')
}

// maxTraceDepth bounds the nesting that is printed.
const maxTraceDepth = 32

// traceAttrs prints attributes, one on a line, nested ones further in.
func traceAttrs(b *strings.Builder, names nameSpace, attrs []byte, depth int) {
	c := cursor{rest: attrs}
	indent := strings.Repeat("  ", depth)
	for typ, data, ok := c.next(); ok; typ, data, ok = c.next() {
		info := names.lookup(typ)
		b.WriteString(indent)
		b.WriteString(info.name)
		if info.kind == kindNested && depth < maxTraceDepth {
			b.WriteByte('\n')
			traceAttrs(b, names.inside(typ), data, depth+1)
			continue
		}
		fmt.Fprintf(b, " %s\n", info.kind.format(data))
	}
	if c.err != nil {
		fmt.Fprintf(b, "%s%v\n", indent, c.err)
	}
}

// A payloadKind is how an attribute's payload is to be read.
type payloadKind uint8

const (
	kindBinary payloadKind = iota
	kindString
	kindU8
	kindU16
	kindU32
	kindU64
	kindUint // four or eight bytes
	kindFlag
	kindNested
	kindBitfield32
)

// traceBytes is how many bytes of a binary payload are printed.
const traceBytes = 64

// format prints a payload; one that has not the size of its kind as bytes.
func (k payloadKind) format(data []byte) string {
	native := binary.NativeEndian
	switch {
	case k == kindString:
		return strconv.Quote(strings.TrimRight(string(data), "\x00"))
	case k == kindU8 && len(data) == 1:
		return strconv.Itoa(int(data[0]))
	case k == kindU16 && len(data) == 2:
		return strconv.Itoa(int(native.Uint16(data)))
	case (k == kindU32 || k == kindUint) && len(data) == 4:
		return strconv.FormatUint(uint64(native.Uint32(data)), 10)
	case (k == kindU64 || k == kindUint) && len(data) == 8:
		return strconv.FormatUint(native.Uint64(data), 10)
	case k == kindBitfield32 && len(data) == 8:
		return fmt.Sprintf("%#x of %#x", native.Uint32(data), native.Uint32(data[4:]))
	case k == kindFlag && len(data) == 0:
		return "(flag)"
	case len(data) > traceBytes:
		return fmt.Sprintf("%x... (%d bytes)", data[:traceBytes], len(data))
	}
	return fmt.Sprintf("%x (%d bytes)", data, len(data))
}

// An attrInfo is what printing needs to know of an attribute.
type attrInfo struct {
	name string
	kind payloadKind
	in   nameSpace // of what is nested; nil: the same as around it
}

// A nameSpace describes attributes by number. Most nests continue the space of the attribute they are in.
type nameSpace []attrInfo

// lookup describes an attribute, also one that is not known.
func (s nameSpace) lookup(typ uint16) attrInfo {
	if int(typ) < len(s) && s[typ].name != "" {
		return s[typ]
	}
	return attrInfo{name: "ATTR_" + strconv.Itoa(int(typ))}
}

// inside returns the space of the attributes nested in typ.
func (s nameSpace) inside(typ uint16) nameSpace {
	if in := s.lookup(typ).in; in != nil {
		return in
	}
	return s
}
