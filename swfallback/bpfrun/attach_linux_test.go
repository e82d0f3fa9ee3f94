package bpfrun

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

func TestAttachFallsBackToGeneric(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	ns := bpftest.NewNetNS(t)
	dp := load(t, returning(xdpPass, nil))
	ns.Do(t, func() { // the loopback has no XDP in its driver
		loopback, err := netlink.LinkByName("lo")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Attach(dp, loopback.Attrs().Index, ModeNative); err == nil {
			t.Error("native on the loopback")
		}
		a, err := Attach(dp, loopback.Attrs().Index, ModeAuto)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if a.Mode != ModeGeneric || a.NotNative == nil {
			t.Errorf("mode %v, reason %v", a.Mode, a.NotNative)
		}
		if _, err := Attach(dp, loopback.Attrs().Index, ModeAuto); err == nil {
			t.Error("attached twice")
		}
		if _, err := Attach(dp, 9999, ModeAuto); err == nil {
			t.Error("attached to a device that is not there")
		}
	})
}

// TestAttachNamesWhatIsThere attaches to a device with another program: in the same mode, in the other, by a link and
// without.
func TestAttachNamesWhatIsThere(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	ns := bpftest.NewNetNS(t)
	spec := returning(xdpPass, nil)
	spec.Programs[ProgramXDP].Name = "occupant"
	first, second := load(t, spec), load(t, returning(xdpPass, nil))
	info, err := first.Programs[ProgramXDP].Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	linked, unlinked := ns.Veth(t, "linked"), ns.Veth(t, "unlinked")
	ns.Do(t, func() {
		a, err := Attach(first, linked.Index, ModeNative)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		device, err := netlink.LinkByIndex(unlinked.Index)
		if err == nil {
			err = netlink.LinkSetXdpFdWithFlags(device, first.Programs[ProgramXDP].FD(), unix.XDP_FLAGS_DRV_MODE)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range []*bpftest.Port{linked, unlinked} {
			for mode, want := range map[Mode]error{ModeAuto: unix.EBUSY, ModeNative: unix.EBUSY, ModeGeneric: unix.EEXIST} {
				_, err := Attach(second, port.Index, mode)
				text := fmt.Sprintf("XDP program %d (occupant) runs on %s already", id, port.Name)
				if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
					t.Errorf("%s, %v: got %v, want %v with %q", port.Name, mode, err, want, text)
				}
			}
		}
	})
}

func TestAttachmentOutlivesItsOpener(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	ns, dir := bpftest.NewNetNS(t), filepath.Join(bpftest.BPFFS(t), "links")
	tc := int32(tcxNext)
	dp := load(t, returning(xdpPass, &tc))
	port := ns.Veth(t, "p1")
	ns.Do(t, func() {
		a, err := Attach(dp, port.Index, ModeAuto)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.Pin(dir, "1"), a.Close()); err != nil {
			t.Fatal(err)
		}
	})
	a, err := OpenAttachment(dir, "1", ModeNative)
	if err != nil {
		t.Fatal(err)
	}
	if device, err := a.Device(); err != nil || device != port.Index {
		t.Errorf("device %d, %v, want %d", device, err, port.Index)
	}
	info, err := dp.Programs[ProgramXDP].Info()
	if err != nil {
		t.Fatal(err)
	}
	want, _ := info.ID()
	if id, err := a.ProgramID(); err != nil || id != want {
		t.Errorf("program %d, %v, want %d", id, err, want)
	}
	if err := a.Detach(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := OpenAttachment(dir, "1", ModeNative); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open what is gone: %v", err)
	}
	ns.Do(t, func() {
		device, err := netlink.LinkByName("p1")
		if err != nil || device.Attrs().Xdp != nil && device.Attrs().Xdp.Attached {
			t.Errorf("still attached: %+v, %v", device.Attrs().Xdp, err)
		}
	})
}

// TestReplaceAddsAndDropsTC goes from a pipeline without a tc program to one with and back.
func TestReplaceAddsAndDropsTC(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	ns, dir := bpftest.NewNetNS(t), filepath.Join(bpftest.BPFFS(t), "links")
	tc := int32(tcxNext)
	without, with := load(t, returning(xdpPass, nil)), load(t, returning(xdpPass, &tc))
	port := ns.Veth(t, "p1")
	ns.Do(t, func() {
		a, err := Attach(without, port.Index, ModeAuto)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if err := a.Pin(dir, "1"); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			dp   *Datapath
			pins int
		}{{with, 2}, {with, 2}, {without, 1}} {
			if err := a.Replace(step.dp); err != nil {
				t.Fatal(err)
			}
			if pins, err := os.ReadDir(dir); err != nil || len(pins) != step.pins {
				t.Errorf("pins %v, %v, want %d", pins, err, step.pins)
			}
		}
		if err := a.Detach(); err != nil {
			t.Error(err)
		}
	})
}

// TestReplaceLosesNoPacket replaces the pipeline again and again under traffic: every frame arrives once,
// stamped by one of the pipelines.
func TestReplaceLosesNoPacket(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	for _, mode := range []Mode{ModeNative, ModeGeneric} {
		t.Run(mode.String(), func(t *testing.T) {
			ns := bpftest.NewNetNS(t)
			in, out := ns.Veth(t, "in"), ns.Veth(t, "out")
			pipelines := []*Datapath{load(t, forwarding(out.Index, 1)), load(t, forwarding(out.Index, 2))}
			var a *Attachment
			ns.Do(t, func() {
				var err error
				if a, err = Attach(pipelines[0], in.Index, mode); err != nil {
					t.Fatal(err)
				}
			})
			t.Cleanup(func() { a.Close() })
			const least, most = 4000, 1 << 20 // frames: a machine that is busy may be slow to replace
			replaced := replaceAgainAndAgain(t, a, pipelines)
			stamps := sendAndCount(t, in, out, func(sent uint32) bool {
				return sent < least || sent < most && replaced.Load() < 5
			})
			if n := replaced.Load(); n < 5 || stamps[1] == 0 || stamps[2] == 0 {
				t.Errorf("%d replacements, frames by pipeline: %v", n, stamps)
			}
		})
	}
}

// replaceAgainAndAgain replaces the pipeline every millisecond until the test ends, and counts how often that was.
func replaceAgainAndAgain(t *testing.T, a *Attachment, pipelines []*Datapath) *atomic.Int32 {
	quit, gone, replaced := make(chan struct{}), make(chan struct{}), new(atomic.Int32)
	go func() {
		defer close(gone)
		for n := 0; ; n++ {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
				if err := a.Replace(pipelines[n%len(pipelines)]); err != nil {
					t.Errorf("replace: %v", err)
				}
				replaced.Add(1)
			}
		}
	}()
	t.Cleanup(func() { close(quit); <-gone })
	return replaced
}

// sendAndCount sends numbered frames as long as more says so, checks that each comes out once, and counts them by their
// stamp. Frames may overtake each other: the kernel keeps one queue for each CPU.
func sendAndCount(t *testing.T, in, out *bpftest.Port, more func(sent uint32) bool) map[byte]int {
	t.Helper()
	const window = 64 // frames on their way, fewer than a veth holds
	stamps, seen, sent := make(map[byte]int), make(map[uint32]bool), uint32(0)
	receive := func() {
		got, err := out.Recv(patience)
		if err != nil {
			t.Fatalf("after %d of %d frames: %v", len(seen), sent, err)
		}
		n := binary.BigEndian.Uint32(got[14:])
		if n >= sent || seen[n] {
			t.Fatalf("frame %d came twice", n)
		}
		seen[n] = true
		stamps[got[5]]++
	}
	frame := make([]byte, 64)
	for ; more(sent); sent++ {
		if sent >= window {
			receive()
		}
		binary.BigEndian.PutUint32(frame[14:], sent)
		if err := in.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	for len(seen) < int(sent) {
		receive()
	}
	return stamps
}
