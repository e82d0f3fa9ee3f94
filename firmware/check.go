package firmware

import (
	"errors"
	"fmt"
	"strings"
)

// TrustMode says what becomes of packages without a signature that counts.
type TrustMode int

// The modes.
const (
	TrustRequire TrustMode = iota // they are refused
	TrustWarn                     // they are loaded, with a warning
	TrustOff                      // signatures are not looked at
)

// ParseTrustMode reads "require", "warn" or "off".
func ParseTrustMode(s string) (TrustMode, error) {
	for _, m := range []TrustMode{TrustRequire, TrustWarn, TrustOff} {
		if s == m.String() {
			return m, nil
		}
	}
	return TrustRequire, fmt.Errorf("firmware: parse trust mode %q: want require, warn or off", s)
}

// String returns "require", "warn" or "off".
func (m TrustMode) String() string {
	names := [...]string{"require", "warn", "off"}
	if m < 0 || int(m) >= len(names) {
		return "unknown"
	}
	return names[m]
}

// FindingKind is a reason to think twice before loading a package.
type FindingKind string

// The kinds, and the flags by which an operator insists; those without a flag cannot be insisted on.
const (
	Damaged      FindingKind = "damaged"
	Mismatched   FindingKind = "mismatched"       // no image for the device
	Unsigned     FindingKind = "unsigned"         // --allow-unsigned
	BadSignature FindingKind = "bad-signature"    // of other bytes
	Untrusted    FindingKind = "untrusted"        // signed by nobody who may; --allow-unsigned
	BelowLowest  FindingKind = "below-lowest"     // older than the device may be taken back to; --allow-below-lowest
	Older        FindingKind = "older"            // than what runs; --allow-downgrade
	SameVersion  FindingKind = "same-version"     // already there; --allow-same-version
	Rebuilt      FindingKind = "rebuilt"          // same version, other source; a warning
	Incomparable FindingKind = "incomparable"     // the device reports no version; a warning
	Opaque       FindingKind = "opaque"           // --allow-opaque
	NeedsNewer   FindingKind = "needs-newer"      // a newer p4dev
	Replaces     FindingKind = "replaces-program" // of another name; a notice
)

// Flag returns the option by which an operator insists on loading in spite of the finding, "" if there is none.
func (k FindingKind) Flag() string {
	switch k {
	case Unsigned, Untrusted:
		return "--allow-unsigned"
	case BelowLowest:
		return "--allow-below-lowest"
	case Older:
		return "--allow-downgrade"
	case SameVersion:
		return "--allow-same-version"
	case Opaque:
		return "--allow-opaque"
	}
	return ""
}

// Severity says what a finding does.
type Severity int

// The severities.
const (
	Notice  Severity = iota // is shown
	Warning                 // is shown, and loading goes on
	Refusal                 // loading stops
)

// String returns "notice", "warning" or "refusal".
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Refusal:
		return "refusal"
	}
	return "notice"
}

// MarshalText writes the severity as String does, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one result of Check.
type Finding struct {
	Kind     FindingKind `json:"kind"`
	Severity Severity    `json:"severity"` // a refusal that was insisted on is a warning
	Message  string      `json:"message"`  // one sentence without a full stop: what is wrong
	Insisted bool        `json:"insisted,omitempty"`
	Err      error       `json:"-"` // the cause, where there is one
}

// String returns the message, with the option that overrides it.
func (f Finding) String() string {
	if flag := f.Kind.Flag(); f.Severity == Refusal && flag != "" {
		return f.Message + " (" + flag + " loads it all the same)"
	}
	return f.Message
}

// Program names a program in a device, as devlink info has it. Parts that the device does not report are "".
type Program struct {
	Name    string `json:"name,omitempty"`    // fw.app.name
	Version string `json:"version,omitempty"` // fw.app
	Source  string `json:"source,omitempty"`  // fw.app.source
}

// DeviceState is what Check compares a package with. The zero value stands for loading into software only.
type DeviceState struct {
	Identity DeviceIdentity // zero: there is no device
	Running  Program
	// LowestVersion is the highest bar that a package of this name has set on the device before (Bar, of the history).
	LowestVersion string
}

// Evidence is what came out of VerifySignature.
type Evidence struct {
	Signer *Signer
	Err    error // nil: signed by somebody who may
}

// Policy says how strict to be.
type Policy struct {
	Trust  TrustMode
	Insist []FindingKind // findings that do not stop loading, as far as they have a flag
	P4dev  string        // version of p4dev, compared with Manifest.MinP4dev; "" or no version: not compared
}

// Check reads the whole package and returns everything there is to say about loading it: refusals first, then
// warnings, then notices. Where Refused makes no error of the result, nothing speaks against it.
func Check(p *Package, ev Evidence, dev DeviceState, policy Policy) []Finding {
	c := &checker{policy: policy}
	if err := p.Verify(); err != nil {
		c.add(Damaged, Refusal, err, "package %s is damaged: %v", p.Manifest.Name, err)
	}
	c.signature(p, ev)
	if (dev.Identity != DeviceIdentity{}) {
		c.device(p, dev)
	}
	c.opaque(p, dev)
	c.versions(p, dev)
	c.p4dev(p)
	return c.sorted()
}

// DamagedFinding is the finding for a package that cannot even be opened: of the error that Open returned.
func DamagedFinding(err error) Finding {
	return Finding{Kind: Damaged, Severity: Refusal, Message: fmt.Sprintf("package cannot be read: %v", err), Err: err}
}

// Refused returns an error that joins the refusals among the findings, nil where there are none.
func Refused(findings []Finding) error {
	var texts []string
	var causes []error
	for _, f := range findings {
		if f.Severity == Refusal {
			texts = append(texts, f.String())
			causes = append(causes, f.Err)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return &RefusedError{Findings: findings, text: strings.Join(texts, "; "), causes: errors.Join(causes...)}
}

// RefusedError is the error of a package that was not loaded.
type RefusedError struct {
	Findings []Finding
	text     string
	causes   error
}

// Error returns the messages of the refusals.
func (e *RefusedError) Error() string { return "firmware: load refused: " + e.text }

// Unwrap returns the causes of the refusals, or nil.
func (e *RefusedError) Unwrap() error { return e.causes }
