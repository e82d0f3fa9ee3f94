package bpftest

import (
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/wires"
)

// NetNS is a network namespace without a name. It ends when the test does.
type NetNS struct{ inner *wires.NetNS }

// NewNetNS makes a namespace with a loopback that is up and without IPv6, whose neighbour discovery would
// otherwise show among the frames of a test.
func NewNetNS(t testing.TB) *NetNS {
	t.Helper()
	ns, err := wires.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Errorf("close the network namespace: %v", err)
		}
	})
	return &NetNS{ns}
}

// Do runs f on a thread that is in the namespace. Goroutines that f starts are not in it; sockets and file
// descriptors that f opens keep belonging to it. A panic or t.FailNow inside f still brings the thread back.
func (n *NetNS) Do(t testing.TB, f func()) {
	t.Helper()
	if err := n.inner.Do(func() error { f(); return nil }); err != nil {
		t.Fatalf("run in the network namespace: %v", err)
	}
}

// Port is a network device with the far end of its wire in the test's hand.
type Port = wires.Port

// Veth makes a veth pair: the inner device is name, its peer is name with "-wire" behind. Both are up, and GRO on
// the peer makes it accept frames that XDP redirects into the inner device.
func (n *NetNS) Veth(t testing.TB, name string) *Port {
	t.Helper()
	return keep(t)(n.inner.Veth(name))
}

// Tap makes a tap with one queue. What comes out of Recv is exactly what the device was given to send.
func (n *NetNS) Tap(t testing.TB, name string) *Port {
	t.Helper()
	return keep(t)(n.inner.Tap(name))
}

// keep closes a port when the test ends.
func keep(t testing.TB) func(*Port, error) *Port {
	return func(p *Port, err error) *Port {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
}

// Socket is a packet socket on one network device.
type Socket = wires.Socket

// OpenSocket binds a packet socket to a device of the calling thread's namespace. The caller closes it.
func OpenSocket(device string) (*Socket, error) { return wires.OpenSocket(device) }

// BPFFS makes a BPF file system that only this process can reach and returns the path of its root. It is gone,
// with everything that was pinned in it, when the test ends or the process dies.
func BPFFS(t testing.TB) string {
	t.Helper()
	fs, err := wires.NewBPFFS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	return fs.Root()
}
