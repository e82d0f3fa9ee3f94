package firmware

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// AllowedSigners is a list of keys that may sign packages, in the format of ssh-keygen(1), ALLOWED SIGNERS.
type AllowedSigners struct{ lines []allowedLine }

// allowedLine is one line of the list.
type allowedLine struct {
	number     int
	principals string // pattern list
	key        ssh.PublicKey
	authority  bool
	namespaces string    // pattern list; "" means any
	after      time.Time // zero: no bound
	before     time.Time
}

// ParseAllowedSigners reads an allowed-signers file. Each line has principals, options, key type and key; the
// options cert-authority, namespaces="...", valid-after="..." and valid-before="..." are known, and times
// without a Z are local. Unlike ssh-keygen it refuses a file with a line that it cannot read.
func ParseAllowedSigners(r io.Reader) (*AllowedSigners, error) {
	a := &AllowedSigners{}
	err := eachLine(r, func(number int, text string) error {
		line, err := parseAllowedLine(text)
		line.number = number
		a.lines = append(a.lines, line)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("firmware: read allowed signers: %w", err)
	}
	return a, nil
}

// ReadAllowedSigners is ParseAllowedSigners of a file.
func ReadAllowedSigners(path string) (*AllowedSigners, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("firmware: read allowed signers: %w", err)
	}
	defer f.Close()
	a, err := ParseAllowedSigners(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// entries returns the lines of a list that may be nil.
func (a *AllowedSigners) entries() []allowedLine {
	if a == nil {
		return nil
	}
	return a.lines
}

// eachLine calls do for every line that is neither empty nor a comment, and names the line in its error.
func eachLine(r io.Reader, do func(number int, text string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		text := strings.Trim(lines.Text(), " \t\r")
		if text == "" || text[0] == '#' {
			continue
		}
		if err := do(number, text); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return lines.Err()
}

func parseAllowedLine(text string) (allowedLine, error) {
	var line allowedLine
	principals, rest, err := cutPrincipals(text)
	if err != nil {
		return line, err
	}
	line.principals = principals
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return line, fmt.Errorf("key: %w", err)
	}
	if len(more) != 0 {
		return line, errors.New("text behind the key")
	}
	line.key = key
	for _, o := range options {
		if err := line.setOption(o); err != nil {
			return line, err
		}
	}
	if !line.after.IsZero() && !line.before.IsZero() && !line.after.Before(line.before) {
		return line, errors.New("valid-before is not behind valid-after")
	}
	return line, nil
}

// cutPrincipals splits off the first field, which may stand in quotes.
func cutPrincipals(text string) (principals, rest string, err error) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		principals, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return "", "", errors.New("principals: no closing quote")
		}
	} else if i := strings.IndexAny(text, " \t"); i >= 0 {
		principals, rest = text[:i], text[i:]
	}
	rest = strings.TrimLeft(rest, " \t")
	if principals == "" || rest == "" {
		return "", "", errors.New("want principals, options, key type and key")
	}
	return principals, rest, nil
}

// setOption reads one option: a keyword in either case, or a keyword, "=", and a value in quotes.
func (l *allowedLine) setOption(option string) error {
	name, value, hasValue := strings.Cut(option, "=")
	name = strings.ToLower(name)
	if name == "cert-authority" && !hasValue {
		l.authority = true
		return nil
	}
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return fmt.Errorf("option %.80q: want a keyword, or keyword=\"value\"", option)
	}
	value = strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)
	var err error
	switch {
	case name == "namespaces" && l.namespaces == "" && value != "":
		l.namespaces = value
	case name == "valid-after" && l.after.IsZero():
		l.after, err = parseTime(value)
	case name == "valid-before" && l.before.IsZero():
		l.before, err = parseTime(value)
	default:
		err = errors.New("unknown, empty, or given twice")
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	return nil
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in UTC where a Z follows, else in local time.
func parseTime(s string) (time.Time, error) {
	text, utc := strings.CutSuffix(strings.ToUpper(s), "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(text) == len(layout) {
			return time.ParseInLocation(layout, text, zone)
		}
	}
	return time.Time{}, fmt.Errorf("time %.80q", s)
}

// accept returns the principals under which the line lets the key sign now, and none where the line is about
// another key. An error is the reason why it does not although it is about the key.
func (l *allowedLine) accept(key ssh.PublicKey, cert *ssh.Certificate, now time.Time) ([]string, error) {
	if l.authority != (cert != nil) {
		return nil, nil
	}
	signing := key
	if cert != nil {
		signing = cert.SignatureKey
	}
	switch {
	case !sameKey(l.key, signing):
		return nil, nil
	case l.namespaces != "" && !matchList(SignatureNamespace, l.namespaces):
		return nil, fmt.Errorf("not for namespace %q", SignatureNamespace)
	case !l.after.IsZero() && now.Before(l.after):
		return nil, fmt.Errorf("not valid before %v", l.after)
	case !l.before.IsZero() && now.After(l.before):
		return nil, fmt.Errorf("not valid after %v", l.before)
	case cert != nil:
		return l.acceptCertificate(cert, now)
	}
	return strings.Split(l.principals, ","), nil
}

// acceptCertificate checks a certificate that the line's key signed.
func (l *allowedLine) acceptCertificate(cert *ssh.Certificate, now time.Time) ([]string, error) {
	if cert.CertType != ssh.UserCert {
		return nil, errors.New("not a user certificate")
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }}
	var accepted []string
	for _, name := range cert.ValidPrincipals {
		if !matchList(name, l.principals) {
			continue
		}
		if err := checker.CheckCert(name, cert); err != nil {
			return nil, err
		}
		accepted = append(accepted, name)
	}
	if len(accepted) == 0 {
		return nil, fmt.Errorf("certificate for %.200q, none of them is allowed", cert.ValidPrincipals)
	}
	return accepted, nil
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// matchList reports whether s matches a comma-separated list of patterns: at least one, and none of those
// with "!" in front.
func matchList(s, patterns string) bool {
	matched := false
	for p := range strings.SplitSeq(patterns, ",") {
		p, negated := strings.CutPrefix(p, "!")
		if matchPattern(s, p) {
			if negated {
				return false
			}
			matched = true
		}
	}
	return matched
}

// matchPattern matches with "*" for any characters and "?" for one. It takes time in proportion to the
// product of the lengths.
func matchPattern(s, pattern string) bool {
	star, mark, i, j := -1, 0, 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}

// RevokedKeys is a list of keys whose signatures no longer count, whoever else says so.
type RevokedKeys struct{ keys map[string]bool }

// krlMagic begins OpenSSH's binary key revocation lists.
const krlMagic = "SSHKRL\n\x00"

// ParseRevokedKeys reads a list of public keys, one per line, as in authorized_keys without options. OpenSSH's
// binary revocation lists wrap errors.ErrUnsupported.
func ParseRevokedKeys(r io.Reader) (*RevokedKeys, error) {
	in := bufio.NewReader(r)
	if head, _ := in.Peek(len(krlMagic)); string(head) == krlMagic {
		return nil, fmt.Errorf("firmware: read revoked keys: %w: binary revocation list, want one public key per line",
			errors.ErrUnsupported)
	}
	revoked := &RevokedKeys{keys: map[string]bool{}}
	err := eachLine(in, func(_ int, text string) error {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err == nil {
			revoked.keys[string(key.Marshal())] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("firmware: read revoked keys: %w", err)
	}
	return revoked, nil
}

// ReadRevokedKeys is ParseRevokedKeys of a file.
func ReadRevokedKeys(path string) (*RevokedKeys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("firmware: read revoked keys: %w", err)
	}
	defer f.Close()
	revoked, err := ParseRevokedKeys(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return revoked, nil
}

func (r *RevokedKeys) contains(key ssh.PublicKey) bool {
	return r != nil && r.keys[string(key.Marshal())]
}
