//go:build !linux

package main

import (
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

func runTests(m *testing.M) int { return m.Run() }

// needSandbox skips a test that makes devices.
func needSandbox(t *testing.T) {
	t.Helper()
	bpftest.Require(t, "root", "bpf", "netns")
	t.Skip("needs Linux")
}
