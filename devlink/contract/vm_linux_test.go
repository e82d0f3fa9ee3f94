package contract_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVirtualMachine boots Debian's kernels with the reference driver, twice each, and runs the tests in
// testdata/driver/vm/guest there. It downloads kernels, and takes minutes: only P4DEV_TEST_REQUIRE=vm runs it.
func TestVirtualMachine(t *testing.T) {
	if !slices.Contains(strings.Split(os.Getenv("P4DEV_TEST_REQUIRE"), ","), "vm") {
		t.Skip("P4DEV_TEST_REQUIRE does not ask for vm")
	}
	const vm = "../../testdata/driver/vm"
	scripts, err := filepath.Glob(vm + "/guest/tests/*.[12].sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no tests for the guest: %v", err)
	}
	for _, release := range []string{"6.1", "6.12"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "bash", vm+"/run", release)
			cmd.Stderr = &log
			out, err := cmd.Output()
			t.Logf("%s", out)
			if err != nil {
				t.Errorf("%v\n%s", err, log.Bytes())
			}
			for _, s := range scripts { // none may be left out without a word
				name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(s), ".1.sh"), ".2.sh")
				if !bytes.Contains(out, []byte("VM test "+name+" ok ")) {
					t.Errorf("%s has not passed", name)
				}
			}
		})
	}
}
