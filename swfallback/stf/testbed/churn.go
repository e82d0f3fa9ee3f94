package testbed

import (
	"context"
	"errors"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// churning is a wire whose packets meet tables that change: while one is sent, every entry is changed for what it is
// already, again and again. Between packets nothing changes, so that a test's own commands find what they expect.
type churning struct {
	stf.Wire
	target *swfallback.Fallback
}

// Send implements stf.Wire.
func (c churning) Send(ctx context.Context, port uint32, packet []byte) error {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			if err := rewrite(c.target); err != nil {
				ended <- err
				return
			}
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
		}
	}()
	err := c.Wire.Send(ctx, port, packet)
	close(stop)
	return errors.Join(err, <-ended)
}

// rewrite changes all entries that can be changed.
func rewrite(f *swfallback.Fallback) error {
	for _, t := range f.Program().Tables {
		if t.Immutable {
			continue
		}
		states, err := f.Entries(t)
		if err != nil {
			return err
		}
		var list []*pipeline.Entry
		for _, s := range states {
			if s.Entry.Source == (pipeline.Source{}) {
				list = append(list, s.Entry)
			}
		}
		if err := f.Modify(list...); err != nil {
			return err
		}
	}
	return nil
}
