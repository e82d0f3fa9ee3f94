package swfallback

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

func TestDigests(t *testing.T) {
	fab := newFabric(t, source(t, "l2switch"), bpfrun.ModeAuto, (*bpftest.NetNS).Tap, 1, 2)
	insert(t, fab.Fallback, "port_vlan 1 0 => set_pvid 10", "dmac 10 02:00:00:00:00:02 => forward 2")
	frame := unhex(t, "020000000002020000000077"+"0800cafef00d")
	if err := fab.ports[1].Send(frame); err != nil {
		t.Fatal(err)
	}
	if got, err := fab.ports[2].Recv(patience); err != nil || !bytes.Equal(got, frame) {
		t.Fatalf("got %x, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enough := errors.New("enough")
	err := fab.Digests(ctx, func(d *pipeline.Digest, values [][]byte) error {
		want := [][]byte{{2, 0, 0, 0, 0, 0x77}, {0, 10}, {0, 1}}
		if len(values) != 3 {
			t.Fatalf("%s: %x", d.Name, values)
		}
		for i := range want {
			if !bytes.Equal(values[i], want[i]) {
				t.Errorf("%s: element %d is %x, want %x", d.Name, i, values[i], want[i])
			}
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	ended := make(chan error)
	go func() { ended <- fab.Digests(ctx, func(*pipeline.Digest, [][]byte) error { return nil }) }()
	if err := fab.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestDigestsOfAProgramWithout(t *testing.T) {
	f := attachProgram(t, "l3router")
	err := f.Digests(t.Context(), func(*pipeline.Digest, [][]byte) error { return nil })
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, want errors.ErrUnsupported", err)
	}
}
