package devlink

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// kernelWire opens a socket to this machine's kernel, which every test here asks about families: that much is always
// there, with or without devlink.
func kernelWire(t *testing.T) *wire {
	t.Helper()
	ep, err := DialKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(ep, nil)
	t.Cleanup(func() { w.close() })
	return w
}

// TestKernelDump lists the families, which takes several datagrams.
func TestKernelDump(t *testing.T) {
	w := kernelWire(t)
	for range 2 { // the wire can be used again
		found := 0
		req := &request{op: "list families", cmd: controlGet, family: control, version: controlVersion, mode: replyDump}
		err := w.do(t.Context(), req, func(_ Command, attrs []byte) error {
			f, err := decodeFamily(attrs)
			if f.id == controlFamily {
				found++
			}
			return err
		})
		if err != nil || found != 1 {
			t.Fatalf("found the control family %d times, %v", found, err)
		}
	}
}

// TestKernelGet asks for one family, and for one that is not there.
func TestKernelGet(t *testing.T) {
	w := kernelWire(t)
	get := func(name string) (f family, err error) {
		req := &request{op: "get family", cmd: controlGet, family: control, version: controlVersion,
			attrs: func(ae *netlink.AttributeEncoder) { ae.String(controlName, name) }}
		err = w.do(t.Context(), req, func(_ Command, attrs []byte) (err error) {
			f, err = decodeFamily(attrs)
			return err
		})
		return f, err
	}
	if f, err := get("nlctrl"); err != nil || f.id != controlFamily {
		t.Errorf("got %+v, %v", f, err)
	}
	if _, err := get("no-such-family"); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %v, want ENOENT", err)
	}
	_, err := get("a family name that is longer than the sixteen bytes there are for it")
	var op *OpError
	if !errors.As(err, &op) || op.Errno == 0 || op.Message == "" || op.Offset != nlmsgHeaderLen+genlHeaderLen {
		t.Errorf("got %#v, want the kernel's words about the attribute at byte 20", err)
	}
}

// TestKernelInterrupt ends waits by the context, twice, and by closing.
func TestKernelInterrupt(t *testing.T) {
	w := kernelWire(t)
	if err := w.join(controlFamily); err != nil { // group "notify" of the control family
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := w.recv(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
		cancel()
	}
	done := make(chan error, 1)
	go func() {
		_, err := w.recv(t.Context())
		done <- err
	}()
	time.Sleep(10 * time.Millisecond)
	if err := w.close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("the wait ended without an error")
	}
	if _, err := w.recv(t.Context()); err == nil {
		t.Error("a closed socket received something")
	}
}
