package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/offload/hw"
	"github.com/p4dev/p4dev/offload/simnic"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// dev is the simulated NIC's handle.
const dev = "pci/0000:01:00.0"

// lab is a place with a simulated NIC and the far ends of its ports.
type lab struct {
	*place
	kernel *sim.Kernel // of newLab; nil where the NIC is in another process
	ports  [2]endpoint
}

// endpoint is the far end of a port.
type endpoint interface {
	Send(frame []byte) error
	Recv(timeout time.Duration) ([]byte, error)
}

// newLab makes a NIC in this process, to which faults can be done, behind the socket that "p4dev sim" has.
func newLab(t *testing.T, limits simnic.Limits) *lab {
	t.Helper()
	needSandbox(t)
	l := &lab{place: newPlace(t, "l3router"), kernel: nil}
	l.kernel = sim.New(sim.Options{Firmware: sim.FirmwareDirs("root/lib/firmware")})
	cfg := simnic.Config{Bus: "pci", Dev: "0000:01:00.0", Limits: limits}
	for i := range l.ports {
		cfg.Ports = append(cfg.Ports, simnic.PortConfig{Host: fmt.Sprint("p4h", i+1), Wire: fmt.Sprint("p4w", i+1)})
	}
	nic, err := simnic.New(l.kernel, cfg)
	l.must(err)
	listener, err := listenPacket("run/sim.sock")
	l.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { return l.kernel.Serve(ctx, listener) })
	g.Go(func() error {
		return nic.ServeAgent(ctx, hw.AgentAddress("run", devlink.Handle{Bus: "pci", Dev: "0000:01:00.0"}))
	})
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(g.Wait(), nic.Close()); err != nil {
			t.Error(err)
		}
	})
	l.connect()
	return l
}

// simLab makes a NIC by "p4dev sim" in a process of its own.
func simLab(t *testing.T, limits string, flags ...string) (*lab, *running) {
	t.Helper()
	needSandbox(t)
	l := &lab{place: newPlace(t, "l3router")}
	l.write("limits.json", []byte(limits))
	r := l.start(append([]string{"sim", "--limits", "limits.json"}, flags...)...)
	r.await("--endpoint")
	l.connect()
	return l, r
}

// connect waits until the wires are there, and opens them.
func (l *lab) connect() {
	l.t.Helper()
	l.flags = append(l.flags, "--endpoint", "unix:run/sim.sock")
	for i := range l.ports {
		s, err := bpftest.OpenSocket(fmt.Sprint("p4w", i+1))
		l.must(err)
		l.t.Cleanup(func() { s.Close() })
		l.ports[i] = s
	}
}

// The router: packets come in on port 1 and leave by port 2.
var (
	routerMAC = [2]net.HardwareAddr{{2, 0, 0, 0, 0, 0x01}, {2, 0, 0, 0, 0, 0x02}}
	senderMAC = net.HardwareAddr{2, 0, 0, 0, 0, 0xaa}
	peerMAC   = net.HardwareAddr{2, 0, 0, 0, 0, 0xbb}
)

// routes are the entries of a router with routes to peerMAC, as a person would type them.
func (l *lab) routes(prefixes ...string) [][]string {
	list := [][]string{{"my_station", "1", routerMAC[0].String(), "route"},
		{"nexthop", "7", "forward", "2", routerMAC[1].String(), peerMAC.String()}}
	for _, p := range prefixes {
		list = append(list, []string{"ipv4_lpm", p, "set_nexthop", "7"})
	}
	return list
}

// addRoutes makes the fallback a router, by a command for each entry.
func (l *lab) addRoutes(name string, prefixes ...string) {
	l.t.Helper()
	for _, words := range l.routes(prefixes...) {
		l.do(exitDone, append([]string{"table", "add", name}, words...)...)
	}
}

// frame is an Ethernet frame with an IPv4 UDP packet to a router or, routed, from it.
func frame(dst netip.Addr, seq uint32, routed bool) []byte {
	b := make([]byte, 64)
	ttl := byte(64)
	copy(b, slices.Concat(routerMAC[0], senderMAC))
	if routed {
		copy(b, slices.Concat(peerMAC, routerMAC[1]))
		ttl--
	}
	copy(b[12:], []byte{0x08, 0x00, 0x45, 0, 0, 50, 0, 0, 0x40, 0, ttl, 17})
	copy(b[26:], []byte{192, 0, 2, 1})
	copy(b[30:], dst.AsSlice())
	var sum uint32
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[24:], ^uint16(sum&0xffff+sum>>16))
	copy(b[34:], []byte{0x10, 0, 0, 9, 0, 30})
	binary.BigEndian.PutUint32(b[42:], seq)
	return b
}

// traffic is packets under way from the first wire to the second.
type traffic struct {
	l      *lab
	cancel context.CancelFunc
	g      errgroup.Group

	mu      sync.Mutex
	missing map[uint32][]byte // what must still arrive
	sent    uint32
	wrong   []string
}

// send starts to send packets to the addresses in turn, one every half millisecond, until stop.
func (l *lab) send(addrs ...string) *traffic {
	ctx, cancel := context.WithCancel(context.Background())
	f := &traffic{l: l, cancel: cancel, missing: make(map[uint32][]byte)}
	l.t.Cleanup(func() { cancel(); f.g.Wait() })
	f.g.Go(func() error {
		for i := 0; ctx.Err() == nil; i++ {
			if err := f.one(addrs[i%len(addrs)]); err != nil {
				return err
			}
			time.Sleep(500 * time.Microsecond)
		}
		return nil
	})
	f.g.Go(func() error { return f.receive(ctx) })
	return f
}

// forward sends n packets to each address and checks that all of them arrive, each once and byte for byte.
func (l *lab) forward(n int, addrs ...string) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &traffic{l: l, cancel: cancel, missing: make(map[uint32][]byte)}
	f.g.Go(func() error { return f.receive(ctx) })
	for range n {
		for _, a := range addrs {
			l.must(f.one(a))
		}
		time.Sleep(200 * time.Microsecond)
	}
	f.stop()
}

func (f *traffic) one(addr string) error {
	dst := netip.MustParseAddr(addr)
	f.mu.Lock()
	seq := f.sent
	f.sent++
	f.missing[seq] = frame(dst, seq, true)
	f.mu.Unlock()
	return f.l.ports[0].Send(frame(dst, seq, false))
}

// receive checks what arrives until, after the context's end, nothing is missing or it is too late.
func (f *traffic) receive(ctx context.Context) error {
	const settle = 2 * time.Second
	var deadline time.Time
	for {
		if ctx.Err() != nil {
			if deadline.IsZero() {
				deadline = time.Now().Add(settle)
			}
			f.mu.Lock()
			n := len(f.missing)
			f.mu.Unlock()
			if n == 0 || time.Now().After(deadline) {
				return nil
			}
		}
		b, err := f.l.ports[1].Recv(10 * time.Millisecond)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		f.check(b)
	}
}

func (f *traffic) check(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(b) < 46 {
		f.wrong = append(f.wrong, fmt.Sprintf("%x", b))
		return
	}
	seq := binary.BigEndian.Uint32(b[42:])
	if want, ok := f.missing[seq]; !ok || !bytes.Equal(b, want) {
		f.wrong = append(f.wrong, fmt.Sprintf("%x, want %x", b, want))
	}
	delete(f.missing, seq)
}

// stop ends the sending, waits for what is under way, and fails the test where something is lost or wrong. It
// returns how many packets there were.
func (f *traffic) stop() int {
	f.l.t.Helper()
	f.cancel()
	if err := f.g.Wait(); err != nil {
		f.l.t.Errorf("send and receive: %v", err)
	}
	if len(f.missing) > 0 || len(f.wrong) > 0 {
		lost := slices.Sorted(maps.Keys(f.missing))
		f.l.t.Errorf("%d packets: %d lost (%v), %d wrong %v", f.sent, len(lost), lost[:min(len(lost), 10)], len(f.wrong), f.wrong[:min(len(f.wrong), 3)])
	}
	return int(f.sent)
}
