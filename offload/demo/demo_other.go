//go:build !linux

package demo

import (
	"context"
	"errors"
	"fmt"
)

// Run needs Linux: elsewhere it fails with errors.ErrUnsupported.
func Run(context.Context, Options) (*Result, error) {
	return nil, fmt.Errorf("demo: needs Linux: %w", errors.ErrUnsupported)
}
