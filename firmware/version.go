package firmware

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is a version that can be compared: one to four numbers separated by dots, then optionally "-" and
// pre-release identifiers, then optionally "+" and build identifiers that do not count. It is semantic
// versioning, widened to the one to four numbers that devices report. The zero Version is "0".
type Version struct {
	numbers [4]uint32
	pre     string
	text    string
}

const maxVersionLength = 64

// ParseVersion reads a version of at most 64 bytes. Its errors wrap ErrVersion.
func ParseVersion(s string) (Version, error) {
	if s == "" || len(s) > maxVersionLength {
		return Version{}, fmt.Errorf("firmware: parse version %.64q: %w", s, ErrVersion)
	}
	v := Version{text: s}
	rest, build, hasBuild := strings.Cut(s, "+")
	rest, pre, hasPre := strings.Cut(rest, "-")
	v.pre = pre
	if hasBuild && !validIdentifiers(build) || hasPre && !validIdentifiers(pre) || !v.setNumbers(rest) {
		return Version{}, fmt.Errorf("firmware: parse version %q: %w", s, ErrVersion)
	}
	return v, nil
}

func (v *Version) setNumbers(s string) bool {
	fields := strings.Split(s, ".")
	if len(fields) > len(v.numbers) {
		return false
	}
	for i, f := range fields {
		if f == "" || f[0] < '0' || f[0] > '9' {
			return false
		}
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return false
		}
		v.numbers[i] = uint32(n)
	}
	return true
}

// validIdentifiers reports whether s is a list of identifiers of letters, digits and hyphens.
func validIdentifiers(s string) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return false
		}
	}
	return true
}

// String returns the version as it was written.
func (v Version) String() string {
	if v.text == "" {
		return "0"
	}
	return v.text
}

// Compare returns -1, 0 or 1 as v is older than w, as old, or newer. Numbers that are not there are 0; a
// pre-release is older than its release; build identifiers are not looked at.
func (v Version) Compare(w Version) int {
	for i := range v.numbers {
		if c := cmp.Compare(v.numbers[i], w.numbers[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	a, b := strings.Split(v.pre, "."), strings.Split(w.pre, ".")
	for i := range min(len(a), len(b)) {
		if c := compareIdentifiers(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compareIdentifiers orders numbers by value and before words, words by their bytes.
func compareIdentifiers(a, b string) int {
	na, nb := isNumber(a), isNumber(b)
	switch {
	case na && nb:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if c := cmp.Compare(len(a), len(b)); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	case na:
		return -1
	case nb:
		return 1
	}
	return cmp.Compare(a, b)
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }
