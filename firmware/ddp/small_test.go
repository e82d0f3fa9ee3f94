package ddp_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/p4dev/p4dev/firmware/ddp/ddptest"
)

// TestSmall: testdata/ddp has the small package for who has none of Intel's; P4DEV_UPDATE=1 writes it.
func TestSmall(t *testing.T) {
	const path = "../../testdata/ddp/small.pkg"
	if os.Getenv("P4DEV_UPDATE") != "" {
		if err := os.WriteFile(path, ddptest.Small(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(file, ddptest.Small()) {
		t.Errorf("%s is not the small package: %v", path, err)
	}
}
