package firmware_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware"
)

// kinds writes findings as "kind" for a refusal, "kind?" for a warning, "kind!" for one that was insisted on, and "kind."
// for a notice.
func kinds(findings []firmware.Finding) string {
	var out []string
	for _, f := range findings {
		mark := map[firmware.Severity]string{firmware.Refusal: "", firmware.Warning: "?", firmware.Notice: "."}[f.Severity]
		if f.Insisted {
			mark = "!"
		}
		out = append(out, string(f.Kind)+mark)
	}
	return strings.Join(out, " ")
}

func TestCheck(t *testing.T) {
	_, data := buildPackage(t, programOptions(t, "l2switch")) // version 1.2.0, lowest 1.0
	source := openPackage(t, data).Manifest.Source
	damaged := bytes.Clone(data)
	damaged[len(damaged)-1] ^= 1
	opaque := programOptions(t, "l2switch")
	opaque.Pipeline, opaque.P4Info, opaque.Source, opaque.MinP4dev = nil, nil, nil, "2.0"
	_, opaqueData := buildPackage(t, opaque)

	signed := firmware.Evidence{Signer: &firmware.Signer{}}
	nic := firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: "simnic"}}
	runs := func(version, source string) firmware.DeviceState {
		return firmware.DeviceState{Identity: nic, Running: firmware.Program{Name: "l2switch", Version: version, Source: source}}
	}
	all := []firmware.FindingKind{firmware.Damaged, firmware.Mismatched, firmware.Unsigned, firmware.BadSignature, firmware.Untrusted,
		firmware.BelowLowest, firmware.Older, firmware.SameVersion, firmware.Opaque, firmware.NeedsNewer}
	insist := firmware.Policy{Insist: all}
	bad := firmware.Evidence{Err: fmt.Errorf("x: %w", firmware.ErrBadSignature)}
	untrusted := firmware.Evidence{Signer: &firmware.Signer{}, Err: fmt.Errorf("x: %w", firmware.ErrUntrusted)}
	tests := []struct {
		name   string
		data   []byte
		ev     firmware.Evidence
		dev    firmware.DeviceState
		policy firmware.Policy
		want   string
	}{
		{"good", data, signed, firmware.DeviceState{Identity: nic}, firmware.Policy{}, ""},
		{"software only", data, signed, firmware.DeviceState{}, firmware.Policy{}, ""},
		{"update", data, signed, runs("1.1", source), firmware.Policy{}, ""},
		{"unsigned", data, firmware.Evidence{Err: firmware.ErrUnsigned}, runs("1.1", ""), firmware.Policy{}, "unsigned"},
		{"nobody looked", data, firmware.Evidence{}, runs("1.1", ""), firmware.Policy{}, "unsigned"},
		{"unsigned, warn", data, firmware.Evidence{}, runs("1.1", ""), firmware.Policy{Trust: firmware.TrustWarn}, "unsigned?"},
		{"unsigned, off", data, firmware.Evidence{}, runs("1.1", ""), firmware.Policy{Trust: firmware.TrustOff}, ""},
		{"unsigned, insisted", data, firmware.Evidence{}, runs("1.1", ""), insist, "unsigned!"},
		{"untrusted", data, untrusted, runs("1.1", ""), firmware.Policy{}, "untrusted"},
		{"untrusted, insisted", data, untrusted, runs("1.1", ""), insist, "untrusted!"},
		{"bad signature", data, bad, runs("1.1", ""), insist, "bad-signature"},
		{"bad signature, warn", data, bad, runs("1.1", ""), firmware.Policy{Trust: firmware.TrustWarn}, "bad-signature"},
		{"damaged", damaged, signed, runs("1.1", ""), insist, "damaged"},
		{"mismatched", data, signed, firmware.DeviceState{Identity: firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: "ice"}}}, insist, "mismatched"},
		{"older", data, signed, runs("1.3", ""), firmware.Policy{}, "older"},
		{"older, insisted", data, signed, runs("1.3", ""), insist, "older!"},
		{"same", data, signed, runs("1.2", source), firmware.Policy{}, "same-version"},
		{"same, source not reported", data, signed, runs("1.2.0.0", ""), firmware.Policy{}, "same-version"},
		{"same, other source", data, signed, runs("1.2.0", "sha1:"+strings.Repeat("0", 40)), firmware.Policy{}, "rebuilt?"},
		{"no version", data, signed, runs("", ""), firmware.Policy{}, "incomparable?"},
		{"another program", data, signed, firmware.DeviceState{Identity: nic, Running: firmware.Program{Name: "l3router", Version: "9"}}, firmware.Policy{}, "replaces-program."},
		{"below the bar", data, signed, firmware.DeviceState{Identity: nic, LowestVersion: "1.2.1"}, firmware.Policy{}, "below-lowest"},
		{"below the bar, insisted", data, signed, firmware.DeviceState{Identity: nic, LowestVersion: "1.2.1"}, insist, "below-lowest!"},
		{"at the bar", data, signed, firmware.DeviceState{Identity: nic, LowestVersion: "1.2.0"}, firmware.Policy{}, ""},
		{"opaque", opaqueData, signed, runs("1.1", ""), firmware.Policy{}, "opaque"},
		{"opaque, insisted", opaqueData, signed, runs("1.1", ""), insist, "opaque!"},
		{"opaque, software only", opaqueData, signed, firmware.DeviceState{}, insist, "mismatched"},
		{"needs newer", opaqueData, signed, runs("1.1", ""), firmware.Policy{P4dev: "1.9", Insist: all}, "needs-newer opaque!"},
		{"new enough", opaqueData, signed, runs("1.1", ""), firmware.Policy{P4dev: "2.0.1", Insist: all}, "opaque!"},
		{"everything", opaqueData, firmware.Evidence{}, firmware.DeviceState{
			Identity: firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: "ice"}}, LowestVersion: "3",
			Running: firmware.Program{Name: "l2switch", Version: "4"}}, firmware.Policy{}, "unsigned mismatched opaque below-lowest older"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			findings := firmware.Check(openPackage(t, tt.data), tt.ev, tt.dev, tt.policy)
			if got := kinds(findings); got != tt.want {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
			refused := slices.ContainsFunc(findings, func(f firmware.Finding) bool { return f.Severity == firmware.Refusal })
			if err := firmware.Refused(findings); (err != nil) != refused {
				t.Errorf("refused %v, error %v", refused, err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	cause := errors.New("cause")
	err := firmware.Refused([]firmware.Finding{
		{Kind: firmware.Older, Severity: firmware.Refusal, Message: "version 1 is older than 2"},
		firmware.DamagedFinding(cause),
		{Kind: firmware.Rebuilt, Severity: firmware.Warning, Message: "not this"},
	})
	const want = "firmware: load refused: version 1 is older than 2 (--allow-downgrade loads it all the same); package cannot be read: cause"
	var refused *firmware.RefusedError
	if err == nil || err.Error() != want || !errors.Is(err, cause) || !errors.As(err, &refused) || len(refused.Findings) != 3 {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

func TestTrustMode(t *testing.T) {
	for _, m := range []firmware.TrustMode{firmware.TrustRequire, firmware.TrustWarn, firmware.TrustOff} {
		if got, err := firmware.ParseTrustMode(m.String()); got != m || err != nil {
			t.Errorf("%v is read as %v, %v", m, got, err)
		}
	}
	if _, err := firmware.ParseTrustMode("never"); err == nil {
		t.Error("never is read")
	}
}

func TestFindingJSON(t *testing.T) {
	got, err := json.Marshal(firmware.Finding{Kind: firmware.Older, Severity: firmware.Refusal, Message: "m", Err: errors.New("e")})
	if want := `{"kind":"older","severity":"refusal","message":"m"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
