package devlink

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
)

func TestDecodeAck(t *testing.T) {
	quoted := nl(0x15, 5, 9, []byte{58, 1, 0, 0}, at(1, "pci")) // a request of 28 bytes
	tlvs := join(at(1, "bad file"), at(2, uint32(44)), at(99, "new"))
	for _, tt := range []struct {
		name  string
		typ   uint16
		flags uint16
		data  []byte
		want  ack
		err   bool
	}{
		{"success", 2, 0x100, join(num32(0), nl(0x15, 5, 9)), ack{}, false},
		{"error", 2, 0x100, join(num32(-95), nl(0x15, 5, 9)), ack{errno: 95}, false},
		{"capped with attributes", 2, 0x300, join(num32(-22), nl(0x15, 5, 9), tlvs), ack{22, "bad file", 44}, false},
		{"quoting with attributes", 2, 0x200, join(num32(-22), quoted, tlvs), ack{22, "bad file", 44}, false},
		{"capped although the header says longer", 2, 0x300, join(num32(-22), quoted[:16], tlvs), ack{22, "bad file", 44}, false},
		{"warning on success", 2, 0x300, join(num32(0), nl(0x15, 5, 9), at(1, "hm")), ack{0, "hm", 0}, false},
		{"empty done", 3, 2, nil, ack{}, false},
		{"done", 3, 2, num32(0), ack{}, false},
		{"done with a length", 3, 2, num32(112), ack{}, false},
		{"done with error", 3, 2, num32(-11), ack{errno: 11}, false},
		{"done with attributes", 3, 0x202, join(num32(-11), tlvs), ack{11, "bad file", 44}, false},
		{"short error", 2, 0, []byte{1, 2}, ack{}, true},
		{"positive error", 2, 0, num32(5), ack{}, true},
		{"attributes without header", 2, 0x300, join(num32(-22), quoted[:8]), ack{errno: 22}, true},
		{"quoting beyond the end", 2, 0x200, join(num32(-22), quoted[:20]), ack{errno: 22}, true},
		{"truncated attribute", 2, 0x300, join(num32(-22), nl(0x15, 5, 9), tlvs[:10]), ack{errno: 22}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := netlink.Message{
				Header: netlink.Header{Type: netlink.HeaderType(tt.typ), Flags: netlink.HeaderFlags(tt.flags)}, Data: tt.data,
			}
			got, err := decodeAck(m)
			if got != tt.want || (err != nil) != tt.err {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
			if err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestSplitMessage(t *testing.T) {
	odd := nl(0x15, 0, 1, []byte{1, 1, 0, 0, 5, 0, 7, 0, 9}) // 25 bytes and padding
	for _, tt := range []struct {
		name string
		in   []byte
		data int // bytes of payload; -1: error
		rest int
	}{
		{"header only", nl(3, 2, 1), 0, 0},
		{"padded", odd, 9, 0},
		{"without padding at the end", odd[:25], 9, 0},
		{"two", join(odd, nl(3, 2, 1)), 9, 16},
		{"short", odd[:15], -1, 0},
		{"truncated", odd[:24], -1, 0},
		{"length below a header", join(num32(15), odd[4:]), -1, 0},
		{"length beyond everything", join(num32(-1), odd[4:]), -1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, rest, err := splitMessage(tt.in)
			if tt.data < 0 {
				if !errors.Is(err, ErrMalformed) {
					t.Errorf("got %v, want ErrMalformed", err)
				}
				return
			}
			if err != nil || len(m.Data) != tt.data || len(rest) != tt.rest {
				t.Errorf("got %d and %d bytes, %v, want %d and %d", len(m.Data), len(rest), err, tt.data, tt.rest)
			}
		})
	}
}

func TestOpError(t *testing.T) {
	h := Handle{"pci", "0000:01:00.0"}
	for _, tt := range []struct {
		errno syscall.Errno
		is    []error
		not   []error
	}{
		{19, []error{ErrDeviceGone, fs.ErrNotExist}, []error{errors.ErrUnsupported}},
		{2, []error{fs.ErrNotExist}, []error{ErrDeviceGone}},
		{17, []error{fs.ErrExist}, []error{fs.ErrNotExist}},
		{1, []error{fs.ErrPermission}, nil},
		{13, []error{fs.ErrPermission}, nil},
		{95, []error{errors.ErrUnsupported}, nil},
		{22, nil, []error{fs.ErrNotExist, fs.ErrPermission, errors.ErrUnsupported, ErrDeviceGone}},
	} {
		err := wrap(&request{op: "x"}, &OpError{Op: "flash device", Device: h, Errno: tt.errno})
		for _, target := range append(tt.is, tt.errno) {
			if !errors.Is(err, target) {
				t.Errorf("errno %d is not %v", int(tt.errno), target)
			}
		}
		for _, target := range tt.not {
			if errors.Is(err, target) {
				t.Errorf("errno %d is %v", int(tt.errno), target)
			}
		}
	}
	err := error(&OpError{Op: "flash device", Device: h, Errno: 22, Message: "component is not supported", Offset: 44})
	const want = "flash device of pci/0000:01:00.0: component is not supported: invalid argument " +
		"(attribute at byte 44 of the request)"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if err := (&OpError{Op: "list devices", Errno: 1}).Error(); !strings.HasPrefix(err, "list devices: ") {
		t.Errorf("got %q", err)
	}
}

func TestNoDevlink(t *testing.T) {
	if !errors.Is(ErrNoDevlink, errors.ErrUnsupported) || !errors.Is(ErrNoDevlink, fs.ErrNotExist) {
		t.Error("ErrNoDevlink does not match its sentinels")
	}
}

func TestParseHandle(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Handle
		ok   bool
	}{
		{"pci/0000:01:00.0", Handle{"pci", "0000:01:00.0"}, true},
		{"auxiliary/mlx5_core.sf.4", Handle{"auxiliary", "mlx5_core.sf.4"}, true},
		{"spi/spi0.0/x", Handle{"spi", "spi0.0/x"}, true},
		{"", Handle{}, false}, {"pci", Handle{}, false}, {"/x", Handle{}, false}, {"pci/", Handle{}, false},
		{"pci/a\x00b", Handle{}, false},
	} {
		got, err := ParseHandle(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %v, %v", tt.in, got, err)
		}
		if err == nil && got.String() != tt.in {
			t.Errorf("%q: comes back as %q", tt.in, got.String())
		}
	}
}
