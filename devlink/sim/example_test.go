package sim_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/devlink/sim"
)

// light is a device that only has a serial number.
type light struct{}

func (light) Handle() (bus, dev string) { return "platform", "light" }
func (light) Driver() string            { return "lamp" }
func (light) Info() (sim.Info, error)   { return sim.Info{Serial: "L1"}, nil }

// A device, and the bytes of DEVLINK_CMD_INFO_GET for it.
func ExampleKernel() {
	k := sim.New(sim.Options{})
	if err := k.Register(light{}); err != nil {
		fmt.Println(err)
		return
	}
	s := k.Dial()
	defer s.Close()
	_ = s.Send(rawMsg(0x15, 1, 51, 1, a(1, "platform"), a(2, "light")))
	reply, err := s.Recv(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("command %d: %q\n", reply[16], reply[20:])
	// Output: command 51: "\r\x00\x01\x00platform\x00\x00\x00\x00\n\x00\x02\x00light\x00\x00\x00\a\x00c\x00L1\x00\x00\t\x00b\x00lamp\x00\x00\x00\x00"
}

func TestFirmwareDirs(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for dir, text := range map[string]string{one: "first", two: "second"} {
		if err := os.WriteFile(filepath.Join(dir, "fw.bin"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := sim.FirmwareDirs(filepath.Join(one, "none"), one, two)
	if data, err := load("fw.bin"); err != nil || string(data) != "first" {
		t.Errorf("loaded %q, %v", data, err)
	}
	for _, name := range []string{"none", "../" + filepath.Base(two) + "/fw.bin", "/etc/passwd", ""} {
		if data, err := load(name); err == nil {
			t.Errorf("loaded %q: %q", name, data)
		}
	}
}
