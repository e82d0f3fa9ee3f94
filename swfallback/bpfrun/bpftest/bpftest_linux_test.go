package bpftest

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

const patience = 30 * time.Second

// frame returns an Ethernet frame of n bytes whose last one is tag, with a VLAN tag if asked for.
func frame(n int, tag byte, vlan bool) []byte {
	f := make([]byte, n)
	copy(f, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5})
	if vlan {
		copy(f[12:], []byte{0x81, 0, 0x60, 7, 0x88, 0xb5})
	}
	f[n-1] = tag
	return f
}

// redirector loads an XDP program that redirects every frame to a device.
func redirector(t *testing.T, index int) *ebpf.Program {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R1, int32(index)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return program
}

func TestPortsCarryRedirectedFrames(t *testing.T) {
	Require(t, "root", "bpf", "netns")
	type maker func(*NetNS, testing.TB, string) *Port
	makers := map[string]maker{"veth": (*NetNS).Veth, "tap": (*NetNS).Tap}
	for inName, in := range makers {
		for outName, out := range makers {
			t.Run(inName+" to "+outName, func(t *testing.T) {
				ns := NewNetNS(t)
				a, b := in(ns, t, "a"), out(ns, t, "b")
				ns.Do(t, func() {
					attached, err := link.AttachXDP(link.XDPOptions{
						Program: redirector(t, b.Index), Interface: a.Index, Flags: link.XDPDriverMode,
					})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { attached.Close() })
				})
				for i, want := range [][]byte{frame(60, 1, false), frame(64, 2, true), frame(1400, 3, false)} {
					if err := a.Send(want); err != nil {
						t.Fatalf("send %d: %v", i, err)
					}
					got, err := b.Recv(patience)
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("frame %d: got %x, %v\nwant %x", i, got, err, want)
					}
				}
				if got, err := b.Recv(20 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("one frame too many: %x, %v", got, err)
				}
				if got, err := a.Host(0); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the host saw a redirected frame: %x, %v", got, err)
				}
			})
		}
	}
}

func TestHostSeesFramesWithTheirTag(t *testing.T) {
	Require(t, "root", "netns")
	ns := NewNetNS(t)
	for _, port := range []*Port{ns.Veth(t, "v"), ns.Tap(t, "t")} {
		want := frame(64, 9, true)
		if err := port.Send(want); err != nil {
			t.Fatal(err)
		}
		if got, err := port.Host(patience); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, %v\nwant %x", port.Name, got, err, want)
		}
	}
}

func TestNetNSIsPrivate(t *testing.T) {
	Require(t, "root", "netns")
	ns := NewNetNS(t)
	ns.Veth(t, "private0")
	if _, err := net.InterfaceByName("private0"); err == nil {
		t.Error("a device of the namespace shows outside")
	}
	ns.Do(t, func() {
		if _, err := net.InterfaceByName("private0"); err != nil {
			t.Errorf("inside: %v", err)
		}
	})
	if _, err := net.InterfaceByName("private0"); err == nil {
		t.Error("the thread did not come back from the namespace")
	}
}

func TestBPFFSHoldsPins(t *testing.T) {
	Require(t, "root", "bpf")
	path := filepath.Join(BPFFS(t), "map")
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Pin(path); err != nil {
		t.Fatal(err)
	}
	again, err := ebpf.LoadPinnedMap(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := os.Stat("/sys/fs/bpf/map"); err == nil {
		t.Error("the pin shows in the system's BPF file system")
	}
}
