//go:build !linux

package swfallback

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

func unsupported() error { return fmt.Errorf("eBPF on %s: %w", runtime.GOOS, errors.ErrUnsupported) }

func tryLock(*os.File) (bool, error) { return false, unsupported() }
func unlock(*os.File) error          { return unsupported() }
func monotonicMicros() uint64        { return 0 }
func coarseNow() time.Duration       { return 0 }
