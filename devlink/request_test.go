package devlink

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"
)

// TestReplies runs one dump of ports over replies that a kernel could give, and over some that none would.
func TestReplies(t *testing.T) {
	port := func(seq uint32, flags uint16, index uint32, extra ...[]byte) []byte {
		return gen(7, flags, seq, pci, at(3, index), join(extra...))
	}
	other := func(seq uint32) []byte { return gen(7, 2, seq, at(1, "pci"), at(2, "0000:02:00.0"), at(3, uint32(9))) }
	for _, tt := range []struct {
		name    string
		replies [][][]byte
		want    []uint32
		err     error
	}{
		{"one message each", [][][]byte{{port(2, 2, 0), port(2, 2, 1), nlDone(2, 0)}}, []uint32{0, 1}, nil},
		{"all in one datagram", [][][]byte{{join(port(2, 2, 0), port(2, 2, 1), nlDone(2, 0))}}, []uint32{0, 1}, nil},
		{"done without a number", [][][]byte{{port(2, 2, 0), nl(3, 2, 2)}}, []uint32{0}, nil},
		{"empty", [][][]byte{{nlDone(2, 0)}}, nil, nil},
		{"no operation in between", [][][]byte{{nl(1, 0, 2), port(2, 2, 4), nlDone(2, 0)}}, []uint32{4}, nil},
		{"another device's", [][][]byte{{other(2), port(2, 2, 1), nlDone(2, 0)}}, []uint32{1}, nil},
		{"unknown attributes", [][][]byte{{port(2, 2, 1, at(0xb8, uint64(3)), at(500, "x"), in(501, at(1, nil))), nlDone(2, 0)}},
			[]uint32{1}, nil},
		{"interrupted then whole", [][][]byte{
			{port(2, 2, 0), port(2, 0x12, 1), nlDone(2, 0)}, {port(3, 2, 5), nlDone(3, 0)},
		}, []uint32{5}, nil},
		{"interrupted as told by the end", [][][]byte{
			{port(2, 2, 0), nl(3, 0x12, 2, num32(0))}, {port(3, 2, 5), nlDone(3, 0)},
		}, []uint32{5}, nil},
		{"refused", [][][]byte{{nlErr(2, 1, at(1, "go away"))}}, nil, fs.ErrPermission},
		{"refused at the end", [][][]byte{{port(2, 2, 0), nlDone(2, 19)}}, nil, ErrDeviceGone},
		{"lost", [][][]byte{{nl(4, 0, 0)}}, nil, ErrLost},
		{"wrong sequence number", [][][]byte{{port(1, 2, 0), nlDone(2, 0)}}, nil, ErrMalformed},
		{"acknowledged inside", [][][]byte{{nlErr(2, 0)}}, nil, ErrMalformed},
		{"more after the end", [][][]byte{{join(nlDone(2, 0), port(2, 2, 1))}}, nil, ErrMalformed},
		{"other family", [][][]byte{{nl(0x16, 2, 2, []byte{7, 1, 0, 0})}}, nil, ErrMalformed},
		{"no generic header", [][][]byte{{nl(0x15, 2, 2, []byte{7})}}, nil, ErrMalformed},
		{"wrong size of a number", [][][]byte{{gen(7, 2, 2, pci, at(3, uint16(1))), nlDone(2, 0)}}, nil, ErrMalformed},
		{"truncated attribute", [][][]byte{{gen(7, 2, 2, pci, at(7, "eth0")[:6]), nlDone(2, 0)}}, nil, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(tt.replies...)
			c := s.client()
			defer c.Close()
			ports, err := c.Ports(t.Context(), Handle{"pci", "0000:01:00.0"})
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			var got []uint32
			for _, p := range ports {
				got = append(got, p.Index)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got ports %v, want %v", got, tt.want)
			}
			want := nl(0x15, 0x301, 2, []byte{5, 1, 0, 0}, pci)
			if !bytes.Equal(s.requests[0], want) {
				t.Errorf("sent\n%x, want\n%x", s.requests[0], want)
			}
		})
	}
}

func TestInterruptedForGood(t *testing.T) {
	var replies [][][]byte
	for i := range uint32(dumpTries) {
		replies = append(replies, [][]byte{nl(3, 0x12, 2+i, num32(0))})
	}
	s := newScript(replies...)
	c := s.client()
	defer c.Close()
	if _, err := c.Devices(t.Context()); !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v, want ErrInterrupted", err)
	}
	if len(s.requests) != dumpTries {
		t.Errorf("tried %d times, want %d", len(s.requests), dumpTries)
	}
}

// TestRequests compares what is sent with bytes put together by hand.
func TestRequests(t *testing.T) {
	h := Handle{"pci", "0000:01:00.0"}
	id := uint32(5)
	grace := 2500 * time.Millisecond
	no := false
	burst := uint64(64)
	const do, multi, dump = 5, 1, 0x301 // request|ack, request, request|dump
	for _, tt := range []struct {
		name string
		call func(context.Context, *Client)
		want []byte
	}{
		{"device", func(ctx context.Context, c *Client) { c.Device(ctx, h) }, gen(1, do, 2, pci)},
		{"devices", func(ctx context.Context, c *Client) { c.Devices(ctx) }, gen(1, dump, 2)},
		{"info", func(ctx context.Context, c *Client) { c.Info(ctx, h) }, gen(51, do, 2, pci)},
		{"flash", func(ctx context.Context, c *Client) {
			c.Flash(ctx, h, FlashRequest{File: "a.p4fw", Component: "fw.app", Overwrite: OverwriteSettings}, nil)
		}, gen(58, do, 2, pci, at(122, "a.p4fw"), at(123, "fw.app"), at(152, uint64(0x1_0000_0001)))},
		{"reload", func(ctx context.Context, c *Client) {
			c.Reload(ctx, h, ReloadRequest{Action: ReloadFirmwareActivate, Limits: []ReloadLimit{ReloadUnlimited, ReloadNoReset},
				NetNS: &NetNS{PID: &id}})
		}, gen(37, do, 2, pci, at(153, uint8(2)), at(155, uint64(0x2_0000_0002)), at(139, uint32(5)))},
		{"reload default", func(ctx context.Context, c *Client) { c.Reload(ctx, h, ReloadRequest{}) }, gen(37, do, 2, pci)},
		{"dpipe entries", func(ctx context.Context, c *Client) {
			for range c.DpipeEntries(ctx, h, "t") {
			}
		}, gen(32, multi, 2, pci, at(29, "t"))},
		{"dpipe headers", func(ctx context.Context, c *Client) { c.DpipeHeaders(ctx, h) }, gen(33, multi, 2, pci)},
		{"dpipe counters", func(ctx context.Context, c *Client) { c.SetDpipeCounters(ctx, h, "t", true) },
			gen(34, do, 2, pci, at(29, "t"), at(33, uint8(1)))},
		{"resource", func(ctx context.Context, c *Client) { c.SetResource(ctx, h, 7, 96) },
			gen(35, do, 2, pci, at(66, uint64(7)), at(67, uint64(96)))},
		{"region snapshot", func(ctx context.Context, c *Client) { c.NewSnapshot(ctx, h, "r", &id) },
			gen(44, do, 2, pci, at(88, "r"), at(92, uint32(5)))},
		{"region read", func(ctx context.Context, c *Client) {
			c.ReadRegion(ctx, h, RegionRead{Region: "r", Snapshot: &id, Offset: 3, Length: 4})
		}, gen(46, dump, 2, pci, at(88, "r"), at(92, uint32(5)), at(96, uint64(3)), at(97, uint64(4)))},
		{"region read direct", func(ctx context.Context, c *Client) { c.ReadRegion(ctx, h, RegionRead{Region: "r"}) },
			gen(46, dump, 2, pci, at(88, "r"), at(179, nil))},
		{"param bool", func(ctx context.Context, c *Client) { c.SetParam(ctx, h, "p", CModeDriverInit, true) },
			gen(39, do, 2, pci, at(81, "p"), at(83, uint8(6)), at(86, nil), at(87, uint8(1)))},
		{"param false", func(ctx context.Context, c *Client) { c.SetParam(ctx, h, "p", CModeDriverInit, false) },
			gen(39, do, 2, pci, at(81, "p"), at(83, uint8(6)), at(87, uint8(1)))},
		{"param u16", func(ctx context.Context, c *Client) { c.SetParam(ctx, h, "p", CModePermanent, uint16(7)) },
			gen(39, do, 2, pci, at(81, "p"), at(83, uint8(2)), at(86, uint16(7)), at(87, uint8(2)))},
		{"reporter", func(ctx context.Context, c *Client) {
			c.SetReporter(ctx, h, "fw", ReporterSettings{GracePeriod: &grace, AutoDump: &no})
		}, gen(53, do, 2, pci, at(115, "fw"), at(120, uint64(2500)), at(141, uint8(0)))},
		{"diagnose", func(ctx context.Context, c *Client) { c.Diagnose(ctx, h, "fw") }, gen(55, multi, 2, pci, at(115, "fw"))},
		{"dump", func(ctx context.Context, c *Client) { c.HealthDump(ctx, h, "fw") }, gen(56, dump, 2, pci, at(115, "fw"))},
		{"trap", func(ctx context.Context, c *Client) { c.SetTrap(ctx, h, "t", TrapActionMirror) },
			gen(62, do, 2, pci, at(130, "t"), at(131, uint8(2)))},
		{"diagnose port", func(ctx context.Context, c *Client) { c.Diagnose(ctx, h, "tx", 3) },
			gen(55, multi, 2, pci, at(3, uint32(3)), at(115, "tx"))},
		{"param default", func(ctx context.Context, c *Client) {
			c.ResetParam(ctx, h, Param{Name: "p", Type: TypeU32}, CModeRuntime)
		}, gen(39, do, 2, pci, at(81, "p"), at(83, uint8(3)), at(87, uint8(0)), at(183, nil))},
		{"trap group", func(ctx context.Context, c *Client) {
			mirror := TrapActionMirror
			c.SetTrapGroup(ctx, h, "g", TrapGroupSettings{Action: &mirror, Policer: &id})
		}, gen(66, do, 2, pci, at(135, "g"), at(131, uint8(2)), at(142, uint32(5)))},
		{"policer", func(ctx context.Context, c *Client) {
			c.SetTrapPolicer(ctx, h, 1, TrapPolicerSettings{Burst: &burst})
		}, gen(70, do, 2, pci, at(142, uint32(1)), at(144, uint64(64)))},
		{"self-test", func(ctx context.Context, c *Client) { c.RunSelftests(ctx, h, SelftestFlash) },
			gen(83, do, 2, pci, in(176|0x8000, at(1, nil)))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript([][]byte{nlErr(2, 5)})
			c := s.client()
			defer c.Close()
			tt.call(t.Context(), c)
			if len(s.requests) != 1 || !bytes.Equal(s.requests[0], tt.want) {
				t.Errorf("sent\n%x, want\n%x", s.requests, tt.want)
			}
		})
	}
}

// TestNoFamily lets the endpoint know nothing of devlink.
func TestNoFamily(t *testing.T) {
	s := &absent{queue: make(chan []byte, 1)}
	c := New(func(context.Context) (Endpoint, error) { return s, nil })
	defer c.Close()
	_, err := c.Devices(t.Context())
	if !errors.Is(err, ErrNoDevlink) || !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNoDevlink", err)
	}
	if !s.closed {
		t.Error("the endpoint was not closed")
	}
}

// absent answers every request with ENOENT.
type absent struct {
	queue  chan []byte
	closed bool
}

func (a *absent) Send(b []byte) error {
	a.queue <- nlErr(native.Uint32(b[8:]), 2)
	return nil
}
func (a *absent) Recv(context.Context) ([]byte, error) { return <-a.queue, nil }
func (a *absent) Join(uint32) error                    { return nil }
func (a *absent) Close() error                         { a.closed = true; return nil }

// TestRegionOrder reads chunks that do not follow one another.
func TestRegionOrder(t *testing.T) {
	chunk := func(addr uint64, data string) []byte { return in(94, at(95, []byte(data)), at(96, addr)) }
	for _, tt := range []struct {
		name   string
		chunks []byte
		want   string
		err    error
	}{
		{"in order", join(chunk(0, "abcd"), chunk(4, "efgh"), chunk(8, "i")), "abcdefghi", nil},
		{"gap", join(chunk(0, "abcd"), chunk(8, "i")), "abcd", ErrMalformed},
		{"again", join(chunk(0, "abcd"), chunk(0, "abcd")), "abcd", ErrMalformed},
		{"address missing", in(94, at(95, []byte("abcd"))), "", ErrMalformed},
		{"address of four bytes", in(94, at(95, []byte("abcd")), at(96, uint32(0))), "", ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newScript([][]byte{gen(46, 2, 2, pci, at(88, "r"), at(93, tt.chunks)), nlDone(2, 0)}).client()
			defer c.Close()
			got, err := c.ReadRegion(t.Context(), Handle{"pci", "0000:01:00.0"}, RegionRead{Region: "r"})
			if string(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}
