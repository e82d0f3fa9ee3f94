package firmware

import (
	"errors"
	"fmt"
	"slices"
)

// checker collects the findings of one Check.
type checker struct {
	policy   Policy
	findings []Finding
}

// add records a finding, and turns a refusal that is insisted on into a warning.
func (c *checker) add(kind FindingKind, severity Severity, err error, format string, args ...any) {
	f := Finding{Kind: kind, Severity: severity, Message: fmt.Sprintf(format, args...), Err: err}
	if severity == Refusal && kind.Flag() != "" && slices.Contains(c.policy.Insist, kind) {
		f.Severity, f.Insisted = Warning, true
	}
	c.findings = append(c.findings, f)
}

// sorted returns refusals before warnings before notices.
func (c *checker) sorted() []Finding {
	slices.SortStableFunc(c.findings, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
	return c.findings
}

func (c *checker) signature(p *Package, ev Evidence) {
	if c.policy.Trust == TrustOff || ev.Err == nil && ev.Signer != nil {
		return
	}
	severity := Refusal
	if c.policy.Trust == TrustWarn {
		severity = Warning
	}
	name := p.Manifest.Name
	switch {
	case ev.Err == nil || errors.Is(ev.Err, ErrUnsigned):
		c.add(Unsigned, severity, ErrUnsigned, "package %s is not signed", name)
	case errors.Is(ev.Err, ErrUntrusted):
		c.add(Untrusted, severity, ev.Err, "package %s is signed by somebody who may not: %v", name, ev.Err)
	default:
		c.add(BadSignature, Refusal, ev.Err, "the signature of package %s does not hold: %v", name, ev.Err)
	}
}

func (c *checker) device(p *Package, dev DeviceState) {
	if _, err := p.Matches(dev.Identity.DeviceID); err != nil {
		c.add(Mismatched, Refusal, err, "package %s holds no image for %v", p.Manifest.Name, dev.Identity.DeviceID)
	}
}

func (c *checker) opaque(p *Package, dev DeviceState) {
	switch {
	case !p.Opaque():
	case dev.Identity == DeviceIdentity{}:
		c.add(Mismatched, Refusal, ErrOpaque, "package %s holds no pipeline, so software cannot run it", p.Manifest.Name)
	default:
		c.add(Opaque, Refusal, ErrOpaque, "package %s is opaque: it holds an image, but no pipeline to say what it does", p.Manifest.Name)
	}
}

// versions compares with what runs. Versions of programs of different names have nothing to do with each other.
func (c *checker) versions(p *Package, dev DeviceState) {
	m, run := &p.Manifest, dev.Running
	version, err := ParseVersion(m.Version)
	if err != nil {
		return // Verify has said so
	}
	if lowest, err := ParseVersion(dev.LowestVersion); dev.LowestVersion != "" && err == nil && version.Compare(lowest) < 0 {
		c.add(BelowLowest, Refusal, nil, "version %s of %s is older than %s, the lowest that the device may be taken back to",
			m.Version, m.Name, dev.LowestVersion)
	}
	if run.Name != "" && run.Name != m.Name {
		c.add(Replaces, Notice, nil, "%s replaces %s", m.Name, run.Name)
		return
	}
	if run == (Program{}) {
		return
	}
	running, err := ParseVersion(run.Version)
	if err != nil {
		c.add(Incomparable, Warning, err, "the device reports version %.64q of %s, which cannot be compared with %s",
			run.Version, m.Name, m.Version)
		return
	}
	switch order := version.Compare(running); {
	case order < 0:
		c.add(Older, Refusal, nil, "version %s of %s is older than %s, which runs", m.Version, m.Name, run.Version)
	case order == 0 && run.Source != "" && m.Source != "" && !SameSource(run.Source, m.Source):
		c.add(Rebuilt, Warning, nil, "version %s of %s runs already, from other source: %s, in the package %s",
			m.Version, m.Name, run.Source, m.Source)
	case order == 0:
		c.add(SameVersion, Refusal, nil, "version %s of %s runs already", m.Version, m.Name)
	}
}

func (c *checker) p4dev(p *Package) {
	have, errHave := ParseVersion(c.policy.P4dev)
	need, errNeed := ParseVersion(p.Manifest.MinP4dev)
	if errHave == nil && errNeed == nil && have.Compare(need) < 0 {
		c.add(NeedsNewer, Refusal, nil, "package %s needs p4dev %v, this is %v", p.Manifest.Name, need, have)
	}
}
