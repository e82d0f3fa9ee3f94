package devlink

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestUAPI compares the tables with the system's own header, where there is one, as far as that goes.
func TestUAPI(t *testing.T) {
	const header = "/usr/include/linux/devlink.h"
	src, err := os.ReadFile(header)
	if err != nil {
		t.Skipf("no kernel header: %v", err)
	}
	for _, tt := range []struct {
		enum, prefix string
		name         func(int) string
	}{
		{"devlink_command", "DEVLINK_CMD_", func(i int) string { return Command(i).String() }},
		{"devlink_attr", "DEVLINK_ATTR_", func(i int) string {
			if i == 0 {
				return "UNSPEC"
			}
			return attrNames.lookup(uint16(i)).name
		}},
	} {
		names := enumerators(t, string(src), tt.enum, tt.prefix)
		if len(names) < 80 {
			t.Fatalf("%s: only %d names found", tt.enum, len(names))
		}
		for i, want := range names {
			if got := tt.name(i); got != want {
				t.Errorf("%s %d: got %s, want %s", tt.enum, i, got, want)
			}
		}
	}
}

// enumerators lists the names of an enum that counts from 0, without prefix.
func enumerators(t *testing.T, src, enum, prefix string) []string {
	t.Helper()
	body := regexp.MustCompile(`(?s)enum ` + enum + ` \{(.*?)\n\};`).FindStringSubmatch(src)
	if body == nil {
		t.Fatalf("no enum %s in the header", enum)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^\s*`+prefix+`([A-Z0-9_]+),`).FindAllStringSubmatch(body[1], -1) {
		out = append(out, m[1])
	}
	return out
}

// TestUAPILater pins the numbers that headers of Linux 6.1 lack.
func TestUAPILater(t *testing.T) {
	for typ, want := range map[uint16]string{
		177: "RATE_TX_PRIORITY", 178: "RATE_TX_WEIGHT", 179: "REGION_DIRECT", 180: "RATE_TC_BWS",
		181: "HEALTH_REPORTER_BURST_PERIOD", 182: "PARAM_VALUE_DEFAULT", 183: "PARAM_RESET_DEFAULT", 184: "INDEX",
	} {
		if got := attrNames.lookup(typ).name; got != want {
			t.Errorf("attribute %d: got %s, want %s", typ, got, want)
		}
	}
	if !slices.Contains(commandNames[:], "NOTIFY_FILTER_SET") || CmdNotifyFilterSet != 84 {
		t.Errorf("NOTIFY_FILTER_SET is command %d, want 84", CmdNotifyFilterSet)
	}
}
