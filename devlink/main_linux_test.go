package devlink_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain fails when sockets stay open.
func TestMain(m *testing.M) {
	before := sockets()
	code := m.Run()
	left := sockets() - before
	for deadline := time.Now().Add(2 * time.Second); left > 0 && time.Now().Before(deadline); left = sockets() - before {
		time.Sleep(10 * time.Millisecond)
	}
	if left > 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "%d sockets were left open\n", left)
		code = 1
	}
	os.Exit(code)
}

// sockets counts this process's open sockets.
func sockets() int {
	n := 0
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
