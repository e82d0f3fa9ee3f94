package p4rt_test

import (
	"testing"
	"time"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/p4dev/p4dev/offload/p4rt"
)

func TestArbitration(t *testing.T) {
	b := newBench(t, nil)
	first, second, standby := b.open(t), b.open(t), b.open(t)
	standby.arbitrate(1, 0)
	standby.expect(codes.NotFound, 0)
	first.arbitrate(1, 10)
	first.expect(codes.OK, 10)
	standby.expect(codes.AlreadyExists, 10)
	second.arbitrate(1, 5)
	second.expect(codes.AlreadyExists, 10)
	second.arbitrate(1, 20) // takes over
	second.expect(codes.OK, 20)
	first.expect(codes.AlreadyExists, 20)
	standby.expect(codes.AlreadyExists, 20)
	if err := b.write(10); status.Code(err) != codes.PermissionDenied {
		t.Errorf("write of the former primary: %v, want PermissionDenied", err)
	}
	second.arbitrate(1, 15) // steps down: nobody is primary, the highest id stays
	second.expect(codes.NotFound, 20)
	first.expect(codes.NotFound, 20)
	first.arbitrate(1, 19)
	first.expect(codes.NotFound, 20)
	first.arbitrate(1, 20)
	first.expect(codes.OK, 20)
	second.expect(codes.AlreadyExists, 20)
	first.cancel() // disconnects
	second.expect(codes.NotFound, 20)
	if err := b.write(20); status.Code(err) != codes.PermissionDenied {
		t.Errorf("write with a dead primary's id: %v, want PermissionDenied", err)
	}
}

func TestArbitrationErrors(t *testing.T) {
	b := newBench(t, func(c *p4rt.Config) { c.MaxStreams = 2 })
	b.primary(t)
	t.Run("unknown device", func(t *testing.T) { s := b.open(t); s.arbitrate(7, 1); s.expectEnd(codes.NotFound) })
	t.Run("election id in use", func(t *testing.T) { s := b.open(t); s.arbitrate(1, 10); s.expectEnd(codes.InvalidArgument) })
	t.Run("unknown role", func(t *testing.T) {
		s := b.open(t)
		s.send(&p4v1.MasterArbitrationUpdate{DeviceId: 1, Role: &p4v1.Role{Name: "x"}})
		s.expectEnd(codes.NotFound)
	})
	t.Run("device changed", func(t *testing.T) {
		s := b.open(t)
		s.arbitrate(1, 1)
		s.expect(codes.AlreadyExists, 10)
		s.arbitrate(2, 1)
		s.expectEnd(codes.FailedPrecondition)
	})
	t.Run("too many", func(t *testing.T) {
		s, extra := b.open(t), b.open(t)
		s.arbitrate(1, 1)
		s.expect(codes.AlreadyExists, 10)
		extra.arbitrate(1, 2)
		extra.expectEnd(codes.ResourceExhausted)
		s.cancel()
	})
}

// TestTakeoverWaitsForWrites: a new primary is told so only after the old one's write has ended.
func TestTakeoverWaitsForWrites(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	b.memory.gate, b.memory.waiting = make(chan struct{}), make(chan struct{})
	wrote := make(chan error, 1)
	go func() { wrote <- b.write(10, tableUpdate(p4v1.Update_INSERT, b.host(1))) }()
	<-b.memory.waiting
	successor := b.open(t)
	successor.arbitrate(1, 11)
	told := make(chan struct{})
	go func() { successor.expect(codes.OK, 11); close(told) }()
	select {
	case <-told:
		t.Error("the successor became primary in the middle of a write")
	case <-time.After(50 * time.Millisecond):
	}
	close(b.memory.gate)
	if err := <-wrote; err != nil {
		t.Errorf("write in progress: %v", err)
	}
	<-told
}
