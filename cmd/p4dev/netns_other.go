//go:build !linux

package main

import (
	"errors"
	"fmt"
)

// enterNamespace needs Linux.
func enterNamespace(name string) error {
	if name == "" {
		return nil
	}
	return fmt.Errorf("enter network namespace %s: %w", name, errors.ErrUnsupported)
}
