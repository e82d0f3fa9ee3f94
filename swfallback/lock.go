package swfallback

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// lockPoll is how often a lock that somebody else holds is tried.
const lockPoll = 2 * time.Millisecond

// fileLock is an exclusive lock between processes, and between values in one process.
type fileLock struct{ file *os.File }

// openLock opens the lock file of a target and makes its folder.
func openLock(place Place, name string) (*fileLock, error) {
	if err := os.MkdirAll(place.Run, 0o755); err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	file, err := os.OpenFile(place.lock(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	return &fileLock{file}, nil
}

// errLockGone says that the lock file was removed: its target was detached.
var errLockGone = errors.New("lock file is gone")

// acquire waits for the lock. errLockGone: the file does not belong to a target any more.
func (l *fileLock) acquire(ctx context.Context) error {
	for {
		got, err := tryLock(l.file)
		if err != nil {
			return fmt.Errorf("lock %s: %w", l.file.Name(), err)
		}
		if got && !l.current() {
			return errors.Join(errLockGone, l.release())
		}
		if got {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s: %w", l.file.Name(), ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// current reports whether the file is still the one that its name leads to.
func (l *fileLock) current() bool {
	held, err := l.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.file.Name())
	return err == nil && os.SameFile(held, named)
}

// release gives the lock back.
func (l *fileLock) release() error { return unlock(l.file) }

// close gives the lock back and closes the file.
func (l *fileLock) close() error { return l.file.Close() }

// remove removes the file; the lock must be held.
func (l *fileLock) remove() error {
	if err := os.Remove(l.file.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
