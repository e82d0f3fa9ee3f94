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
// count either. Before Linux 6.4 (old) dumps of one device were not marked as filtered, and ports had the command
// of devices in dumps; both are evened out, for the simulation is like later kernels.
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
			if binary.NativeEndian.Uint16(m[offsetType:]) != typeControl {
				said[i] = append(said[i], words(lasting(m, old)))
			}
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
	if !old || flags&flagMulti == 0 {
		return m
	}
	binary.NativeEndian.PutUint16(m[offsetFlags:], flags&^flagFiltered)
	if len(m) > offsetCommand && m[offsetCommand] == commandNew {
		m[offsetCommand] = commandPort
	}
	return m
}

// Play makes a subject's calls to a recording and returns what they came to.
func Play(ctx context.Context, rec *Recording, s Subject) ([]Outcome, error) {
	p := NewPlayer(rec)
	c := devlink.New(p.Dial)
	defer c.Close()
	return Run(ctx, c, Calls(s), p.Play)
}
