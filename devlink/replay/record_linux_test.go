package replay_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/replay"
)

// recordEnv names the folder into which recordings of this kernel are written, and the device: "DIR p4ref".
const recordEnv = "P4DEV_TEST_RECORD"

// TestRecord records the exchanges with a device of the running kernel, which it flashes and reloads, and plays them
// back at once: the client must come to the same results.
func TestRecord(t *testing.T) {
	dir, name, ok := strings.Cut(os.Getenv(recordEnv), " ")
	if !ok {
		t.Skipf("%s is not set", recordEnv)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	subject := replay.Netdevsim()
	if name == "p4ref" {
		subject = replay.P4ref(!strings.HasPrefix(release, "6.1."))
	}
	rec := replay.NewRecorder(devlink.DialKernel)
	c := devlink.New(rec.Dial)
	defer c.Close()
	outcomes, err := replay.Run(t.Context(), c, replay.Calls(subject), func(name string) error { rec.Begin(name); return nil })
	if err != nil {
		t.Fatal(err)
	}
	recording := rec.Recording()
	recording.Comment = "Linux " + release + ", " + subject.Device.String()
	file, err := os.Create(filepath.Join(dir, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := recording.WriteTo(file); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(outcomes)
	if err != nil {
		t.Fatal(err)
	}
	if got := played(t, recording, subject); got != string(want) {
		t.Errorf("played back:\n%s\nwant:\n%s", got, want)
	}
}
