package replay

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// Offsets in a netlink message, and numbers of the uapi headers.
const (
	offsetType    = 4
	offsetFlags   = 6
	offsetCommand = headerBytes     // of a generic netlink message
	offsetEchoed  = headerBytes + 4 // the header of the request, in an error message

	typeError    = 2
	typeControl  = 16 // family nlctrl; those above were given out at boot
	flagMulti    = 0x02
	flagFiltered = 0x20
	commandNew   = 3
	commandPort  = 7
)

// Said returns what the kernel's side said in an exchange: answers, then notifications, a string for each message, in
// words and in bytes. It leaves out what differs from boot to boot and from run to run: sequence and port numbers and
// the number of the family, and what the family reply says of itself. How messages are put into datagrams does not
// count either. The simulation is like later kernels, and so Linux 6.1 (old) is evened out: it did not mark dumps of one
// device as filtered, gave ports in dumps the command of devices, did not announce a port of type Ethernet that has
// no network device yet, or no more, and put the name of a source file before what it said of failures.
func Said(e Exchange, old bool) (said [2][]string) {
	for _, s := range e.Steps {
		if s.Direction != Reply {
			continue
		}
		eachMessage(s.Data, func(m []byte) {
			i := 0
			if binary.NativeEndian.Uint32(m[offsetSeq:]) == 0 {
				i = 1
			}
			if binary.NativeEndian.Uint16(m[offsetType:]) == typeControl {
				return
			}
			w := words(lasting(m, old))
			if old && i == 1 && strings.Contains(w, "PORT_TYPE 2") && !strings.Contains(w, "PORT_NETDEV_IFINDEX") {
				return
			}
			said[i] = append(said[i], w)
		})
	}
	return said
}

// words is a message as a recording has it.
func words(m []byte) string {
	var b strings.Builder
	b.WriteString(devlink.FormatDatagram("<-", m))
	for line := range slices.Chunk(m, lineBytes) {
		b.WriteString(hex.EncodeToString(line) + "\n")
	}
	return b.String()
}

// lasting returns a message without what Said leaves out.
func lasting(message []byte, old bool) []byte {
	m := slices.Clone(message)
	headers := [][]byte{m}
	if binary.NativeEndian.Uint16(m[offsetType:]) == typeError && len(m) >= offsetEchoed+headerBytes {
		headers = append(headers, m[offsetEchoed:])
	}
	for _, h := range headers {
		clear(h[offsetSeq:headerBytes])
		if binary.NativeEndian.Uint16(h[offsetType:]) > typeControl {
			binary.NativeEndian.PutUint16(h[offsetType:], typeControl+1)
		}
	}
	flags := binary.NativeEndian.Uint16(m[offsetFlags:])
	if old && len(headers) > 1 {
		return withoutPrefix(m)
	}
	if !old || flags&flagMulti == 0 {
		return m
	}
	binary.NativeEndian.PutUint16(m[offsetFlags:], flags&^flagFiltered)
	if len(m) > offsetCommand && m[offsetCommand] == commandNew {
		m[offsetCommand] = commandPort
	}
	return m
}

// withoutPrefix returns an error message whose text, the first attribute, does not begin with a file's name.
func withoutPrefix(m []byte) []byte {
	const prefix = "leftover: "
	const attr = offsetEchoed + headerBytes // of a capped message
	const text = attr + 4
	if len(m) < text || !strings.HasPrefix(string(m[text:]), prefix) {
		return m
	}
	n := int(binary.NativeEndian.Uint16(m[attr:]))
	rest := m[min(attr+(n+3)&^3, len(m)):]
	n -= len(prefix)
	out := append(slices.Clone(m[:text]), m[text+len(prefix):attr+n+len(prefix)]...)
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	out = append(out, rest...)
	binary.NativeEndian.PutUint16(out[attr:], uint16(n))
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	return out
}

// Play makes a subject's calls to a recording and returns what they came to.
func Play(ctx context.Context, rec *Recording, s Subject) ([]Outcome, error) {
	p := NewPlayer(rec)
	c := devlink.New(p.Dial)
	defer c.Close()
	return Run(ctx, c, Calls(s), p.Play)
}
