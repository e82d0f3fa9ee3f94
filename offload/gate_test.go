package offload_test

import (
	"strings"
	"testing"

	"github.com/p4dev/p4dev/offload"
)

func TestCheckGate(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	tests := []struct {
		name        string
		device      string
		want, got   string
		differences []string
		state       offload.GateState
	}{
		{"same", "pci/1", "sha256:" + sum, "sha256:" + sum, nil, offload.GateVerified},
		{"case does not count", "pci/1", "sha256:" + sum, "SHA256:" + strings.ToUpper(sum), nil, offload.GateVerified},
		{"sha1", "pci/1", "sha1:" + sum[:40], "sha1:" + sum[:40], nil, offload.GateVerified},
		{"another source", "pci/1", "sha256:" + sum, "sha256:" + strings.Repeat("cd", 32), nil, offload.GateMismatch},
		{"another algorithm", "pci/1", "sha256:" + sum, "sha1:" + sum[:40], nil, offload.GateUnknown},
		{"unknown algorithm", "pci/1", "sha256:" + sum, "md5:" + sum[:32], nil, offload.GateUnknown},
		{"truncated", "pci/1", "sha256:" + sum, "sha256:" + sum[:62], nil, offload.GateUnknown},
		{"both truncated alike", "pci/1", "sha256:" + sum[:8], "sha256:" + sum[:8], nil, offload.GateUnknown},
		{"not hexadecimal", "pci/1", "sha256:" + sum, "sha256:" + strings.Repeat("zz", 32), nil, offload.GateUnknown},
		{"no algorithm", "pci/1", sum, sum, nil, offload.GateUnknown},
		{"device says nothing", "pci/1", "sha256:" + sum, "", nil, offload.GateUnknown},
		{"package says nothing", "pci/1", "", "sha256:" + sum, nil, offload.GateUnknown},
		{"neither says anything", "pci/1", "", "", nil, offload.GateUnknown},
		{"advertisement differs", "pci/1", "sha256:" + sum, "sha256:" + sum, []string{"table x"}, offload.GateMismatch},
		{"no device", "", "sha256:" + sum, "sha256:" + sum, nil, offload.GateAbsent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			info := offload.DeviceInfo{Device: tt.device, Running: map[string]string{offload.InfoSource: tt.got}}
			g := offload.CheckGate(info, tt.want, tt.differences)
			if g.State != tt.state || g.Open() != (tt.state == offload.GateVerified) || g.Reason == "" {
				t.Errorf("gate %v (%s), want %v", g.State, g.Reason, tt.state)
			}
		})
	}
}
