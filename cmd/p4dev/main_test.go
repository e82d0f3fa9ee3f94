package main

import (
	"os"
	"testing"
)

// asCommand is the environment variable that makes the test binary be p4dev: tests that need a process of its own
// start themselves with it.
const asCommand = "P4DEV_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(runTests(m))
}
