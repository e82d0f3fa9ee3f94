//go:build !linux

package bench

import (
	"errors"
	"fmt"
)

type lab struct{}

func newLab(Config) (*lab, error) {
	return nil, fmt.Errorf("it needs Linux: %w", errors.ErrUnsupported)
}

func (l *lab) close() error { return nil }

func rows() []row { return nil }

func describeMachine(*Report) {}
