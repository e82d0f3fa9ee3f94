package bench

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/devlink/sim/models"
)

// inProcess measures the decoding of the dumps alone: the client in this process, on datagrams that lie in memory.
func inProcess(ctx context.Context, l *lab, device *models.Device, out *Row) error {
	for _, d := range []struct {
		label string
		read  func(*devlink.Client) (int, error)
	}{
		{"100k entries, decoding alone", func(c *devlink.Client) (int, error) { return readEntries(ctx, c, device) }},
		{"1000 ports, decoding alone", func(c *devlink.Client) (int, error) {
			ports, err := c.Ports(ctx, devlink.Handle{})
			return len(ports), err
		}},
	} {
		kernel := sim.New(sim.Options{})
		if err := kernel.Register(device); err != nil {
			return err
		}
		t := &tape{source: kernel.Dial()}
		var sample []float64
		for round := -1; round < l.rounds; round++ { // the first one records
			c := devlink.New(func(context.Context) (devlink.Endpoint, error) { return t, nil })
			runtime.GC()
			start := threadTime()
			n, err := d.read(c)
			took := threadTime() - start
			if err != nil || n == 0 {
				return fmt.Errorf("decode: %d elements, %w", n, err)
			}
			if round >= 0 {
				sample = append(sample, float64(took.Microseconds())/1000)
			}
			t.rewind()
		}
		out.Points = append(out.Points, Point{Label: d.label, Ours: statOf(sample)})
	}
	return nil
}

// readEntries reads the entries of a device's first table and counts them.
func readEntries(ctx context.Context, c *devlink.Client, device *models.Device) (int, error) {
	h := devlink.Handle{Bus: device.Bus, Dev: device.Name}
	n := 0
	for _, err := range c.DpipeEntries(ctx, h, device.Tables[0].Name) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// tape is an endpoint that keeps what it receives and, rewound, gives it again to a client that asks the same.
type tape struct {
	source   devlink.Endpoint // nil: replay
	received [][]byte
	at       int
}

func (t *tape) rewind() { t.source, t.at = nil, 0 }

// Send implements devlink.Endpoint.
func (t *tape) Send(datagram []byte) error {
	if t.source == nil {
		return nil
	}
	return t.source.Send(datagram)
}

// Recv implements devlink.Endpoint.
func (t *tape) Recv(ctx context.Context) ([]byte, error) {
	if t.source != nil {
		d, err := t.source.Recv(ctx)
		t.received = append(t.received, d)
		return d, err
	}
	if t.at == len(t.received) {
		return nil, io.EOF
	}
	t.at++
	return t.received[t.at-1], nil
}

// Join implements devlink.Endpoint.
func (t *tape) Join(uint32) error { return nil }

// Close implements devlink.Endpoint.
func (t *tape) Close() error { return nil }
