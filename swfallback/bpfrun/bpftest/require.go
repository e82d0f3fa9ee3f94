package bpftest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// RequireVariable is the environment variable that turns skips into failures: a comma-separated list of the
// names that Require takes.
const RequireVariable = "P4DEV_TEST_REQUIRE"

// Require skips the test unless the machine offers everything that is named, or fails it where
// P4DEV_TEST_REQUIRE contains the name of what is missing. The names:
//
//	root   effective user id 0
//	bpf    the bpf system call may load an XDP program and make a BPF file system
//	netns  network namespaces and veth pairs may be made
func Require(t testing.TB, names ...string) {
	t.Helper()
	must := strings.Split(os.Getenv(RequireVariable), ",")
	for _, name := range names {
		err := probe(name)
		switch {
		case err == nil:
		case slices.Contains(must, name):
			t.Fatalf("%s is required by %s: %v", name, RequireVariable, err)
		default:
			t.Skipf("needs %s: %v", name, err)
		}
	}
}
