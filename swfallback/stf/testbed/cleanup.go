package testbed

import (
	"errors"
	"slices"
)

// cleanup is what to undo, the last first.
type cleanup struct{ steps []func() error }

func (c *cleanup) add(f func() error) { c.steps = append(c.steps, f) }

func (c *cleanup) run() error {
	var errs []error
	for _, f := range slices.Backward(c.steps) {
		errs = append(errs, f())
	}
	c.steps = nil
	return errors.Join(errs...)
}
