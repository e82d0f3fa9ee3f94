package devlink

import (
	"context"
	"errors"
	"os"
	"time"
)

// interruptible runs read, whose waits end at the deadline that setDeadline sets, and ends them when ctx ends; the error
// is then the context's. The deadline is cleared again.
func interruptible(ctx context.Context, setDeadline func(time.Time) error, read func() error) error {
	if ctx.Done() == nil {
		return read()
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = setDeadline(time.Unix(1, 0))
	})
	err := read()
	if stop() {
		return err
	}
	<-fired
	_ = setDeadline(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return err
}
