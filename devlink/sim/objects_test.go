package sim_test

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/p4dev/p4dev/devlink/sim"
)

// full is a fake with something of everything.
func full() *fake {
	data := make([]byte, 5000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	ok := func() error { return nil }
	seven := uint64(7)
	field := sim.DpipeFieldRef{Header: 3, Field: 1}
	return &fake{
		set: map[string]any{}, sizes: map[uint64]uint64{},
		info: sim.Info{Serial: "S1", Versions: []sim.Version{
			{Kind: sim.Fixed, Name: "asic.id", Value: "sim"},
			{Kind: sim.Running, Name: "fw.app", Value: "1.2", Component: true},
			{Kind: sim.Stored, Name: "fw.app", Value: ""},
		}},
		ports: []sim.Port{{Index: 1, Number: 1, Ifindex: 12, Ifname: "p1"}, {Index: 2, Number: 2}},
		regions: []sim.Region{{Name: "r", Size: 5000, MaxSnapshots: 1,
			Snapshot: func() ([]byte, error) { return data, nil },
			Read:     func(o uint64, p []byte) error { copy(p, data[o:]); return nil },
		}, {Name: "bare", Size: 4}},
		headers: []sim.DpipeHeader{{ID: 3, Name: "ipv4", Fields: []sim.DpipeField{{Name: "ttl", Width: 8}, {Name: "dst", Width: 32}}}},
		tables: []sim.DpipeTable{{Name: "lpm", Size: 1024, Matches: []sim.DpipeFieldRef{field}, Actions: []sim.DpipeFieldRef{{Header: 3}},
			Resource: 1, Units: 1, Counters: true}},
		entries: []sim.DpipeEntry{{Index: 4, Counter: &seven, Matches: []sim.DpipeValue{{Field: field, Value: []byte{10, 0, 0, 0}, Mask: []byte{255, 0, 0, 0}}}}},
		resources: []sim.Resource{{ID: 1, Name: "tables", Size: 64, Min: 8, Max: 128, Granularity: 8, Occupancy: func() uint64 { return 3 },
			Children: []sim.Resource{{ID: 2, Name: "lpm", Size: 64, Max: 128, Granularity: 8}}}},
		params:    []sim.Param{{Name: "p", Type: sim.ParamU8, Values: map[sim.CMode]any{sim.CModeRuntime: uint8(4), sim.CModeDriverinit: uint8(5)}}},
		reporters: []sim.Reporter{{Name: "dp", Diagnose: diagnosis, Dump: diagnosis, Recover: ok, Test: ok}, {Name: "none"}},
		traps:     []sim.Trap{{Name: "miss", Group: "p4", Type: 1, Action: 1, Packets: 2, Bytes: 128}},
	}
}

func diagnosis(f *sim.Fmsg) error {
	f.Pair("packets", uint64(9))
	f.ArrayPair("ports", func() { f.Value("p1"); f.Value([]byte{1, 2}) })
	f.ObjectPair("state", func() { f.Pair("ok", true) })
	return nil
}

func nested(typ uint16, parts ...[]byte) []byte { return a(typ, cat(parts...)) }

func TestDevice(t *testing.T) {
	k := newKernel(t, full(), bare{"b"})
	s := k.Dial()
	defer s.Close()
	stat := func(limit uint8, value uint32) []byte {
		return nested(158|0x8000, a(159, limit), a(160, value))
	}
	action := func(n uint8, stats ...[]byte) []byte {
		return nested(162|0x8000, a(153, n), nested(163|0x8000, stats...))
	}
	remote := nested(161|0x8000, action(1, stat(0, 0)), action(2, stat(0, 0), stat(1, 0)))
	state := func(activations uint32) []byte {
		return nested(156|0x8000, nested(157|0x8000, action(1, stat(0, 0)), action(2, stat(0, activations), stat(1, 0))), remote)
	}
	send(t, s, msg(request, 1, handle()))
	want(t, s, from(s, msg(0, 3, handle(), a(136, uint8(0)), state(0))))
	send(t, s, msg(request, 37, handle(), a(153, uint8(2))))
	want(t, s, from(s, msg(0, 37, handle(), a(154, []byte{4, 0, 0, 0, 4, 0, 0, 0}))))
	send(t, s, msg(request|dumping, 1))
	b := msg(multi, 3, a(1, "platform"), a(2, "b"), a(136, uint8(0)), nested(156|0x8000, nested(157|0x8000), remote))
	want(t, s, from(s, msg(multi, 3, handle(), a(136, uint8(0)), state(1))), from(s, b), done(s, make([]byte, 4)))
}

func TestReloadFailure(t *testing.T) {
	f := full()
	f.reload = func(sim.ReloadAction, sim.ReloadLimit) ([]sim.ReloadAction, error) {
		return nil, &sim.Error{Errno: syscall.EBUSY, Message: "busy"}
	}
	k := newKernel(t, f)
	s := k.Dial()
	defer s.Close()
	refused(t, s, msg(request, 37, handle()), syscall.EBUSY, a(1, "busy"))
	send(t, s, msg(request, 1, handle()))
	if got := recv(t, s); !bytes.Contains(got, a(136, uint8(1))) {
		t.Errorf("received % x, want RELOAD_FAILED", got)
	}
}

func TestInfo(t *testing.T) {
	k := newKernel(t, full(), bare{"b"})
	s := k.Dial()
	defer s.Close()
	info := cat(handle(), a(99, "S1"), nested(100, a(103, "asic.id"), a(104, "sim")), nested(101, a(103, "fw.app"), a(104, "1.2")),
		nested(102, a(103, "fw.app"), a(104, "")), a(98, "p4sim"))
	send(t, s, msg(request, 51, handle()))
	want(t, s, from(s, msg(0, 51, info)))
	send(t, s, msg(request|dumping, 51, handle()))
	want(t, s, from(s, msg(multi|0x20, 51, info)), done(s, make([]byte, 4)))
}

func TestPorts(t *testing.T) {
	k := newKernel(t, full())
	s := k.Dial()
	defer s.Close()
	p1 := cat(handle(), a(3, uint32(1)), a(4, uint16(2)), a(6, uint32(12)), a(7, "p1"), a(148, uint8(0)), a(77, uint16(0)), a(78, uint32(1)))
	p2 := cat(handle(), a(3, uint32(2)), a(4, uint16(2)), a(148, uint8(0)), a(77, uint16(0)), a(78, uint32(2)))
	send(t, s, msg(request, 5, handle(), a(3, uint32(2))))
	want(t, s, from(s, msg(0, 7, p2)))
	send(t, s, msg(request|dumping, 5))
	want(t, s, from(s, msg(multi, 7, p1)), from(s, msg(multi, 7, p2)), done(s, make([]byte, 4)))
}

func TestDpipe(t *testing.T) {
	k := newKernel(t, full())
	s := k.Dial()
	defer s.Close()
	match := cat(a(42, uint32(0)), a(55, uint32(0)), a(52, uint32(3)), a(58, uint32(1)), a(54, uint8(0)))
	table := func(counters uint8) []byte {
		return nested(27, nested(28, a(29, "lpm"), a(30, uint64(1024)), a(33, counters), a(75, uint64(1)), a(76, uint64(1)),
			nested(31, nested(40, match)), nested(32, nested(43, a(45, uint32(0)), a(55, uint32(0)), a(52, uint32(3)), a(58, uint32(0)), a(54, uint8(0))))))
	}
	send(t, s, msg(request, 31, handle()))
	want(t, s, from(s, msg(multi, 31, handle(), table(1))), done(s, nil))
	accepted(t, s, msg(request|ack, 34, handle(), a(29, "lpm"), a(33, uint8(0))))
	send(t, s, msg(request|ack, 31, handle(), a(29, "lpm")))
	want(t, s, from(s, msg(multi, 31, handle(), table(0))), done(s, nil))
	if e, _, _ := errno(t, recv(t, s)); e != 0 { // the acknowledgement comes behind the end
		t.Errorf("acknowledged with %v", e)
	}
	send(t, s, msg(request, 33, handle()))
	fields := nested(53, nested(56, a(57, "ttl"), a(58, uint32(0)), a(59, uint32(8)), a(60, uint32(0))),
		nested(56, a(57, "dst"), a(58, uint32(1)), a(59, uint32(32)), a(60, uint32(0))))
	want(t, s, from(s, msg(multi, 33, handle(), nested(49, nested(50, a(51, "ipv4"), a(52, uint32(3)), a(54, uint8(0)), fields)))), done(s, nil))
	send(t, s, msg(request, 32, handle(), a(29, "lpm")))
	entry := nested(35, a(36, uint64(4)), a(39, uint64(7)),
		nested(37, nested(41, nested(40, match), a(46, []byte{10, 0, 0, 0}), a(47, []byte{255, 0, 0, 0}))), nested(38))
	want(t, s, from(s, msg(multi, 32, handle(), nested(34, entry))), done(s, nil))
	refused(t, s, msg(request, 32, handle(), a(29, "other")), syscall.EINVAL)
}

// TestDpipeParts wants a long list in several datagrams, each within what an skb of the kernel holds. A kernel
// (6.12) was seen to send 256 entries of this layout in 11 messages.
func TestDpipeParts(t *testing.T) {
	f := full()
	seven := uint32(7)
	f.entries = nil
	for i := range uint64(256) {
		f.entries = append(f.entries, sim.DpipeEntry{Index: i,
			Matches: []sim.DpipeValue{{Value: []byte{2, 0, 0, 0, 0, byte(i)}}},
			Actions: []sim.DpipeValue{{Value: make([]byte, 4), Mapping: &seven}}})
	}
	k := newKernel(t, f)
	s := k.Dial()
	defer s.Close()
	send(t, s, msg(request, 32, handle(), a(29, "lpm")))
	entries, messages := 0, 0
	for ended := false; !ended; {
		d := recv(t, s)
		if len(d) > 3776 {
			t.Fatalf("datagram of %d bytes", len(d))
		}
		for ; len(d) > 0; d = d[host.Uint32(d):] {
			if ended = host.Uint16(d[4:]) == 3; !ended {
				messages++
			}
			entries += bytes.Count(d[:host.Uint32(d)], a(46, []byte{2, 0, 0, 0, 0, 0})[:8])
		}
	}
	if entries != 256 || messages != 11 {
		t.Errorf("%d entries in %d messages, want 256 in 11", entries, messages)
	}
	f.tables[0].Matches = make([]sim.DpipeFieldRef, 100)
	refused(t, s, msg(request, 31, handle()), syscall.EMSGSIZE)
}

func TestResources(t *testing.T) {
	f := full()
	k := newKernel(t, f)
	s := k.Dial()
	defer s.Close()
	tree := func(size ...[]byte) []byte {
		params := func(minimum uint64) []byte {
			return cat(a(72, uint64(8)), a(71, uint64(128)), a(70, minimum), a(73, uint8(0)))
		}
		valid := uint8(1)
		if len(size) > 0 {
			valid = 0
		}
		child := nested(64, a(65, "lpm"), a(67, uint64(64)), a(66, uint64(2)), cat(size...), params(0))
		return nested(63, nested(64, a(65, "tables"), a(67, uint64(64)), a(66, uint64(1)), a(74, uint64(3)), params(8), a(69, valid), nested(63, child)))
	}
	send(t, s, msg(request, 36, handle()))
	want(t, s, from(s, msg(multi, 36, handle(), tree())), done(s, nil))
	for size, text := range map[uint64]string{4: "Wrong granularity", 0: "Size smaller than minimum", 256: "Size larger than maximum"} {
		if size == 4 {
			refused(t, s, msg(request, 35, handle(), a(66, uint64(2)), a(67, size)), syscall.EINVAL, a(1, text))
			continue
		}
		refused(t, s, msg(request, 35, handle(), a(66, uint64(1)), a(67, size)), syscall.EINVAL, a(1, text))
	}
	accepted(t, s, msg(request|ack, 35, handle(), a(66, uint64(2)), a(67, uint64(128))))
	send(t, s, msg(request, 36, handle()))
	want(t, s, from(s, msg(multi, 36, handle(), tree(a(68, uint64(128))))), done(s, nil))
	refused(t, s, msg(request, 37, handle()), syscall.EINVAL, a(1, "resources size validation failed"))
	accepted(t, s, msg(request|ack, 35, handle(), a(66, uint64(2)), a(67, uint64(32))))
	accepted(t, s, msg(request|ack, 37, handle()))
	if f.sizes[2] != 32 {
		t.Errorf("sizes after the reload: %v, want 2:32", f.sizes)
	}
}

func TestRegions(t *testing.T) {
	k := newKernel(t, full())
	s := k.Dial()
	defer s.Close()
	name := a(88, "r")
	send(t, s, msg(request, 44, handle(), name))
	want(t, s, from(s, msg(0, 44, handle(), name, a(92, uint32(0)))))
	refused(t, s, msg(request, 44, handle(), name), syscall.ENOSPC, a(1, "The region has reached the maximum number of stored snapshots"))
	send(t, s, msg(request, 42, handle(), name))
	want(t, s, from(s, msg(0, 42, handle(), name, a(89, uint64(5000)), a(170, uint32(1)), nested(90, nested(91, a(92, uint32(0)))))))
	chunk := func(at uint64, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte((int(at) + i) * 7)
		}
		return nested(94, a(95, b), a(96, at))
	}
	read := func(attrs ...[]byte) []byte { return msg(request|dumping, 46, handle(), name, cat(attrs...)) }
	send(t, s, read(a(92, uint32(0)), a(96, uint64(10)), a(97, uint64(300))))
	want(t, s, from(s, msg(multi|ack, 46, handle(), name, nested(93, chunk(10, 256), chunk(266, 44)))))
	want(t, s, done(s, make([]byte, 4)))
	send(t, s, read(a(179, nil)))
	var got []byte
	for d := recv(t, s); host.Uint16(d[4:]) != 3; d = recv(t, s) {
		got = append(got, payload(d, 95)...)
	}
	if len(got) != 5000 || got[4999] != byte(4999*7&0xff) {
		t.Errorf("direct read gave %d bytes", len(got))
	}
	send(t, s, read())
	bad := recv(t, s) // an error of a dump is in the NLMSG_DONE
	if e := -int32(host.Uint32(bad[16:])); host.Uint16(bad[4:]) != 3 || e != int32(syscall.EINVAL) || !bytes.HasSuffix(bad, a(1, "No snapshot id provided")) {
		t.Errorf("read of nothing: % x", bad)
	}
	accepted(t, s, msg(request|ack, 45, handle(), name, a(92, uint32(0))))
	refused(t, s, msg(request, 45, handle(), name, a(92, uint32(0))), syscall.EINVAL)
}

// payload concatenates the payloads of the attributes of a type, found two nests deep in a region read.
func payload(d []byte, typ uint16) []byte {
	var out []byte
	var walk func(b []byte)
	walk = func(b []byte) {
		for len(b) >= 4 {
			n, at := int(host.Uint16(b)), host.Uint16(b[2:])
			switch at {
			case typ:
				out = append(out, b[4:n]...)
			case 93, 94:
				walk(b[4:n])
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
	walk(d[20:])
	return out
}

func TestParams(t *testing.T) {
	f := full()
	k := newKernel(t, f)
	s := k.Dial()
	defer s.Close()
	param := func(runtime, init uint8) []byte {
		return nested(80, a(81, "p"), a(83, uint8(1)), nested(84, nested(85, a(87, uint8(0)), a(86, runtime)), nested(85, a(87, uint8(1)), a(86, init))))
	}
	set := func(mode, v uint8) []byte {
		return msg(request|ack, 39, handle(), a(81, "p"), a(83, uint8(1)), a(86, v), a(87, mode))
	}
	accepted(t, s, set(0, 9))
	accepted(t, s, set(1, 8))
	refused(t, s, set(2, 8), syscall.EOPNOTSUPP)
	send(t, s, msg(request, 38, handle(), a(81, "p")))
	want(t, s, from(s, msg(0, 38, handle(), param(9, 8))))
	if f.set["p"] != uint8(9) {
		t.Errorf("driver was told %v before the reload, want the run-time value 9", f.set["p"])
	}
	accepted(t, s, msg(request|ack, 37, handle()))
	if f.set["p"] != uint8(8) {
		t.Errorf("driver was told %v by the reload, want 8", f.set["p"])
	}
}

func TestHealth(t *testing.T) {
	k := newKernel(t, full())
	s := k.Dial()
	defer s.Close()
	name := a(115, "dp")
	state := func(errors, recovers uint64, dump ...[]byte) []byte {
		return nested(114, name, a(116, uint8(0)), a(117, errors), a(118, recovers), a(120, uint64(0)), a(121, uint8(1)), cat(dump...), a(141, uint8(1)))
	}
	send(t, s, msg(request, 52, handle(), name))
	want(t, s, from(s, msg(0, 52, handle(), state(0, 0))))
	pair := func(n string, value ...[]byte) []byte { return cat(a(108, nil), a(111, n), cat(value...), a(110, nil)) }
	fmsg := nested(106, a(107, nil),
		pair("packets", a(112, uint8(4)), a(113, uint64(9))),
		pair("ports", a(109, nil), a(112, uint8(10)), a(113, "p1"), a(112, uint8(11)), a(113, []byte{1, 2}), a(110, nil)),
		pair("state", a(107, nil), pair("ok", a(112, uint8(6)), a(113, uint8(1))), a(110, nil)), a(110, nil))
	send(t, s, msg(request, 55, handle(), name))
	want(t, s, from(s, msg(multi, 55, fmsg)))
	want(t, s, done(s, nil))
	if err := k.Report(t.Context(), "pci", "0000:01:00.0", "dp"); err != nil {
		t.Fatal(err)
	}
	send(t, s, msg(request, 52, handle(), name))
	want(t, s, from(s, msg(0, 52, handle(), state(1, 1, a(119, uint64(5000)), a(137, uint64(5e9+6))))))
	send(t, s, msg(request|dumping, 56, handle(), name))
	want(t, s, from(s, msg(multi|ack, 56, fmsg)))
	want(t, s, done(s, make([]byte, 4)))
	accepted(t, s, msg(request|ack, 57, handle(), name))
	accepted(t, s, msg(request|ack, 53, handle(), name, a(121, uint8(0))))
	accepted(t, s, msg(request|ack, 54, handle(), name))
	accepted(t, s, msg(request|ack, 73, handle(), name))
	none := a(115, "none")
	for _, cmd := range []uint8{55, 57, 73} {
		refused(t, s, msg(request, cmd, handle(), none), syscall.EOPNOTSUPP)
	}
	refused(t, s, msg(request, 53, handle(), none, a(120, uint64(1))), syscall.EOPNOTSUPP)
}

func TestTraps(t *testing.T) {
	k := newKernel(t, full())
	s := k.Dial()
	defer s.Close()
	send(t, s, msg(request|dumping, 61))
	stats := nested(129|0x8000, a(0, uint64(2)), a(1, uint64(128)))
	trap := msg(multi, 63, handle(), a(135, "p4"), a(130, "miss"), a(132, uint8(1)), a(131, uint8(1)), nested(134|0x8000), stats)
	want(t, s, from(s, trap), done(s, make([]byte, 4)))
	send(t, s, msg(request, 65, handle(), a(135, "p4")))
	want(t, s, from(s, msg(0, 67, handle(), a(135, "p4"), stats)))
	refused(t, s, msg(request, 61, handle(), a(130, "x")), syscall.ENOENT, a(1, "Device did not register this trap"))
}

// TestNotifications follows a device's life: what it has is announced when it comes, when it changes and, in
// reverse, when it goes.
func TestNotifications(t *testing.T) {
	f := full()
	k := newKernel(t)
	s := k.Dial()
	defer s.Close()
	if err := s.Join(5); err != nil {
		t.Fatal(err)
	}
	commands := func(n int) string {
		var out []uint8
		for range n {
			d := recv(t, s)
			if host.Uint32(d[8:]) != 0 || host.Uint32(d[12:]) != 0 || !bytes.Equal(d[20:48], handle()) {
				t.Errorf("notification % x", d)
			}
			out = append(out, d[16])
		}
		return fmt.Sprint(out)
	}
	if err := k.Register(f); err != nil {
		t.Fatal(err)
	}
	if got := commands(8); got != "[3 7 7 67 63 44 44 40]" {
		t.Errorf("registration announced %s", got)
	}
	f.flash = func(_ context.Context, p sim.FlashParams, _ func(sim.FlashStatus) error) error {
		f.regions = append(f.regions[:1:1], sim.Region{Name: "p4-pipeline", Size: uint64(len(p.Image))})
		return nil
	}
	accepted(t, k.Dial(), msg(request|ack, 58, handle(), a(122, "p4dev/fw.bin")))
	want(t, s, notice(58, handle()))
	want(t, s, notice(45, handle(), a(88, "bare"), a(89, uint64(4))))
	want(t, s, notice(44, handle(), a(88, "p4-pipeline"), a(89, uint64(5))))
	want(t, s, notice(59, handle()))
	accepted(t, k.Dial(), msg(request|ack, 37, handle()))
	if got := commands(17); got != "[8 7 7 8 64 68 45 45 44 44 67 63 7 7 7 7 3]" {
		t.Errorf("re-initialization announced %s", got)
	}
	k.Unregister("pci", "0000:01:00.0")
	if got := commands(8); got != "[41 45 45 64 68 8 8 4]" {
		t.Errorf("removal announced %s", got)
	}
	silent(t, s)
}
