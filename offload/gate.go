package offload

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// GateState is the result of comparing the package's source tag with the device's.
type GateState int

// The states of the gate. Only GateVerified lets entries into hardware.
const (
	GateAbsent   GateState = iota // there is no device
	GateUnknown                   // the device reports no source tag, or one that cannot be compared
	GateMismatch                  // the device runs something else
	GateVerified                  // hardware and software come from the same source
)

// String returns the state's word: "absent", "unknown", "mismatch" or "verified".
func (s GateState) String() string {
	names := [...]string{"absent", "unknown", "mismatch", "verified"}
	if s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("GateState(%d)", int(s))
}

// MarshalText implements encoding.TextMarshaler with the state's word.
func (s GateState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Gate is the comparison of the program in software with the one in a device.
type Gate struct {
	State       GateState `json:"state"`
	Device      string    `json:"device,omitempty"` // BUS/DEV
	Want        string    `json:"want,omitempty"`   // source tag of the package
	Got         string    `json:"got,omitempty"`    // source tag that the device reports
	Reason      string    `json:"reason"`           // one sentence for people
	Differences []string  `json:"differences,omitempty"`
}

// Open reports whether entries may go into hardware.
func (g Gate) Open() bool { return g.State == GateVerified }

// Version names under which devlink info reports the running program, in the running and stored versions.
const (
	InfoName    = "fw.app.name"
	InfoVersion = "fw.app"
	InfoSource  = "fw.app.source"
)

// DeviceInfo is what the gate and a load need of "devlink dev info". The maps go from component to version and
// may be nil.
type DeviceInfo struct {
	Device  string // BUS/DEV; "" where there is no device
	Driver  string
	Serial  string
	Fixed   map[string]string
	Running map[string]string
	Stored  map[string]string
}

// CheckGate compares the wanted source tag with the one that the device reports as running. Differences are
// those between the device's advertisement in dpipe and in its pipeline region: if there are any, the device
// does not run what it says, and the gate is shut whatever the tags are.
func CheckGate(info DeviceInfo, want string, differences []string) Gate {
	g := Gate{Device: info.Device, Want: want, Got: info.Running[InfoSource], Differences: differences}
	if info.Device == "" {
		g.State, g.Reason = GateAbsent, "there is no device"
		return g
	}
	g.State, g.Reason = compareTags(want, g.Got)
	if g.State == GateVerified && len(differences) > 0 {
		g.State = GateMismatch
		g.Reason = fmt.Sprintf("the device's dpipe tables and its pipeline region differ (%d differences)", len(differences))
	}
	return g
}

// compareTags compares two source tags: algorithm and digest in hexadecimal, case does not count.
func compareTags(want, got string) (GateState, string) {
	if want == "" {
		return GateUnknown, "the package has no source tag"
	}
	if got == "" {
		return GateUnknown, "the device reports no source tag (" + InfoSource + ")"
	}
	wantAlg, wantSum, wantErr := parseTag(want)
	gotAlg, gotSum, gotErr := parseTag(got)
	switch {
	case wantErr != nil:
		return GateUnknown, "the package's source tag cannot be read: " + wantErr.Error()
	case gotErr != nil:
		return GateUnknown, "the device's source tag cannot be read: " + gotErr.Error()
	case wantAlg != gotAlg:
		return GateUnknown, fmt.Sprintf("the package's source tag is %s, the device's %s", wantAlg, gotAlg)
	case wantSum != gotSum:
		return GateMismatch, "the device runs a program from another source"
	}
	return GateVerified, "device and software run the same source"
}

// parseTag splits "sha256:HEX" or "sha1:HEX" into the algorithm and the digest, both in lower case.
func parseTag(tag string) (algorithm, sum string, err error) {
	algorithm, sum, ok := strings.Cut(strings.ToLower(tag), ":")
	size := map[string]int{"sha256": 32, "sha1": 20}[algorithm]
	switch b, herr := hex.DecodeString(sum); {
	case !ok || size == 0:
		return "", "", fmt.Errorf("%q has no algorithm that is known", tag)
	case herr != nil:
		return "", "", fmt.Errorf("%q is not hexadecimal", tag)
	case len(b) != size:
		return "", "", fmt.Errorf("%q has %d bytes, %s has %d", tag, len(b), algorithm, size)
	}
	return algorithm, sum, nil
}
