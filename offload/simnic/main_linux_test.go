package simnic

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestMain fails where a network device outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == "/dev/net/tun" {
			fmt.Fprintln(os.Stderr, "a network device was not closed")
			code = 1
		}
	}
	os.Exit(code)
}
