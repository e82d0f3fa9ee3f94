package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// probeFolder holds what p4dev ships for the probe path.
const probeFolder = "../../docs/probe"

// TestProbeUnit: systemd takes the service, and its command is one of p4dev's.
func TestProbeUnit(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(probeFolder, "p4dev-flash@.service"))
	if err != nil {
		t.Fatal(err)
	}
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/sbin/p4dev (.*) \$P4DEV_FLASH_FLAGS %I$`).FindSubmatch(unit)
	flags := regexp.MustCompile(`(?m)^Environment=P4DEV_FLASH_FLAGS=(.*)$`).FindSubmatch(unit)
	if start == nil || flags == nil {
		t.Fatalf("no command in %s", unit)
	}
	words := append(strings.Fields(string(start[1])), append(strings.Fields(string(flags[1])), iceDev)...)
	root := newApp(nil, nil, nil).rootCommand()
	cmd, rest, err := root.Find(words)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd.Name() != "flash" {
		t.Errorf("p4dev %s: %v", strings.Join(words, " "), err)
	}
	// p4dev may not be installed here, and so its page.
	analyze := needProgram(t, "systemd-analyze")
	copied := filepath.Join(t.TempDir(), "p4dev-flash@.service")
	if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(unit), "/usr/sbin/p4dev", needProgram(t, "true"))), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", "--man=no", copied).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestProbeManual: the page has no mistakes, and the flags that it names are those of "flash".
func TestProbeManual(t *testing.T) {
	page := filepath.Join(probeFolder, "p4dev-flash.8")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	flash, _, err := newApp(nil, nil, nil).rootCommand().Find([]string{"flash"})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\.(?:Fl|Op Fl) -([a-z-]+)`).FindAllStringSubmatch(string(text), -1) {
		if flash.Flags().Lookup(m[1]) == nil {
			t.Errorf("the page names --%s, which flash does not have", m[1])
		}
	}
	out, err := exec.Command(needProgram(t, "mandoc"), "-T", "lint", "-W", "warning", page).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// udevTest runs udev's rules, and p4dev's alone of those of this name, for a device that is bound to a driver, in a
// mount namespace of its own: without a package, with one of the driver's name, with one of the address, and kept away.
const udevTest = `set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/udev/rules.d
cp "$1" /run/udev/rules.d/80-p4dev.rules
mount -t tmpfs tmpfs /lib/firmware
mkdir -p /lib/firmware/p4dev
for dev in /sys/bus/platform/devices/*; do
	driver=$(sed -n s/^DRIVER=//p "$dev/uevent")
	if [ -n "$driver" ]; then break; fi
done
[ -n "$driver" ] || { echo "no bound platform device"; exit 77; }
path=$(readlink -f "$dev")
wants() { echo "$1 $(udevadm test --action="$2" "$path" 2>&1 | sed -n 's/^SYSTEMD_WANTS=//p;/80-p4dev.rules.*\(nvalid\|nknown\)/p')"; }
wants none bind
touch "/lib/firmware/p4dev/$driver.p4fw"
wants driver bind
wants coldplug add
wants change change
echo 'SUBSYSTEM=="platform", ENV{P4DEV_FLASH}="0"' >/run/udev/rules.d/79-p4dev.rules
wants away bind
rm /lib/firmware/p4dev/* /run/udev/rules.d/79-p4dev.rules
touch "/lib/firmware/p4dev/platform-$(basename "$dev").p4fw"
wants address bind
echo "unit $(systemd-escape --template=p4dev-flash@.service "platform/$(basename "$dev")")"
`

// TestProbeRule has udev apply the rule to a device of this machine.
func TestProbeRule(t *testing.T) {
	bpftest.Require(t, "root")
	for _, tool := range []string{"udevadm", "systemd-escape", "unshare"} {
		needProgram(t, tool)
	}
	rule, err := filepath.Abs(filepath.Join(probeFolder, "80-p4dev.rules"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("unshare", "-m", "sh", "-c", udevTest, "sh", rule).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "no bound platform device") {
			t.Skip("no platform device with a driver here")
		}
		t.Fatalf("%v\n%s", err, out)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		got[name] = value
	}
	unit := got["unit"]
	for name, want := range map[string]string{"none": "", "driver": unit, "coldplug": unit, "change": "", "away": "", "address": unit} {
		if got[name] != want {
			t.Errorf("%s: SYSTEMD_WANTS is %q, want %q", name, got[name], want)
		}
	}
	if !strings.HasPrefix(unit, "p4dev-flash@platform-") {
		t.Errorf("the unit is %q", unit)
	}
}
