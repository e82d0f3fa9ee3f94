package firmware_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/p4dev/p4dev/firmware"
)

// newKey makes a key of the type that ssh-keygen calls kind.
func newKey(t testing.TB, kind string, bits int) ssh.Signer {
	t.Helper()
	var key any
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, bits)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func authorized(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func allowed(t testing.TB, lines ...string) *firmware.AllowedSigners {
	t.Helper()
	a, err := firmware.ParseAllowedSigners(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func sign(t testing.TB, signer ssh.Signer, message string) []byte {
	t.Helper()
	sig, err := firmware.Sign(signer, strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func TestVerifySignature(t *testing.T) {
	key, other := newKey(t, "ed25519", 0), newKey(t, "ed25519", 0)
	pub := authorized(key.PublicKey())
	const message = "the package"
	good := sign(t, key, message)
	foreign, err := sshsig.Sign(strings.NewReader(message), key, sshsig.HashSHA512, "file")
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := firmware.ParseRevokedKeys(strings.NewReader("# gone\n" + pub + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		sig   []byte
		trust firmware.Trust
		is    error
		who   []string
	}{
		{"good", good, firmware.Trust{Allowed: allowed(t, "a@example.net,b@* "+pub)}, nil, []string{"a@example.net", "b@*"}},
		{"second line", good, firmware.Trust{Allowed: allowed(t, "o "+authorized(other.PublicKey()), "", "# x", `"a b" `+pub)}, nil, []string{"a b"}},
		{"none", nil, firmware.Trust{Allowed: allowed(t, "a "+pub)}, firmware.ErrUnsigned, nil},
		{"not a signature", []byte("hello"), firmware.Trust{}, firmware.ErrBadSignature, nil},
		{"too long", make([]byte, 70000), firmware.Trust{}, firmware.ErrBadSignature, nil},
		{"other message", sign(t, key, "another"), firmware.Trust{Allowed: allowed(t, "a "+pub)}, firmware.ErrBadSignature, nil},
		{"other purpose", sshsig.Armor(foreign), firmware.Trust{Allowed: allowed(t, "a "+pub)}, firmware.ErrBadSignature, nil},
		{"nobody allowed", good, firmware.Trust{}, firmware.ErrUntrusted, nil},
		{"other key allowed", good, firmware.Trust{Allowed: allowed(t, "a "+authorized(other.PublicKey()))}, firmware.ErrUntrusted, nil},
		{"revoked", good, firmware.Trust{Allowed: allowed(t, "a "+pub), Revoked: revoked}, firmware.ErrUntrusted, nil},
		{"namespace", good, firmware.Trust{Allowed: allowed(t, `a namespaces="git,p4*" `+pub)}, nil, []string{"a"}},
		{"other namespace", good, firmware.Trust{Allowed: allowed(t, `a namespaces="git" `+pub)}, firmware.ErrUntrusted, nil},
		{"namespace excluded", good, firmware.Trust{Allowed: allowed(t, `a namespaces="*,!p4dev" `+pub)}, firmware.ErrUntrusted, nil},
		{"authority signs itself", good, firmware.Trust{Allowed: allowed(t, "a cert-authority "+pub)}, firmware.ErrUntrusted, nil},
		{"from noon", good, firmware.Trust{Allowed: allowed(t, `a valid-after="202606011200Z" `+pub)}, nil, []string{"a"}},
		{"from later", good, firmware.Trust{Allowed: allowed(t, `a valid-after="20260601120001Z" `+pub)}, firmware.ErrUntrusted, nil},
		{"to noon", good, firmware.Trust{Allowed: allowed(t, `a VALID-BEFORE="20260601120000Z" `+pub)}, nil, []string{"a"}},
		{"to yesterday", good, firmware.Trust{Allowed: allowed(t, `a namespaces="p4dev",valid-before="20260531Z" `+pub)}, firmware.ErrUntrusted, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.trust.Now = noon
			signer, err := firmware.VerifySignature(strings.NewReader(message), tt.sig, tt.trust)
			if !errors.Is(err, tt.is) || (err == nil) != (tt.is == nil) {
				t.Fatalf("error %v, want %v", err, tt.is)
			}
			if err == nil && (!slices.Equal(signer.Principals, tt.who) || signer.Fingerprint != ssh.FingerprintSHA256(key.PublicKey())) {
				t.Errorf("signed by %+v, want %v", signer, tt.who)
			}
		})
	}
}

func TestVerifySignatureReadError(t *testing.T) {
	key := newKey(t, "ed25519", 0)
	want := errors.New("disk on fire")
	r := io.MultiReader(strings.NewReader("the"), &failingReader{want})
	_, err := firmware.VerifySignature(r, sign(t, key, "the package"), firmware.Trust{})
	if !errors.Is(err, want) || errors.Is(err, firmware.ErrBadSignature) {
		t.Errorf("error %v, want %v", err, want)
	}
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestCertificates(t *testing.T) {
	ca, key := newKey(t, "ed25519", 0), newKey(t, "ecdsa", 0)
	list := allowed(t, "*@example.net cert-authority "+authorized(ca.PublicKey()))
	tests := []struct {
		name   string
		change func(*ssh.Certificate)
		ok     bool
	}{
		{"good", func(c *ssh.Certificate) {}, true},
		{"other principal", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"a@example.org"} }, false},
		{"no principal", func(c *ssh.Certificate) { c.ValidPrincipals = nil }, false},
		{"host certificate", func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, false},
		{"expired", func(c *ssh.Certificate) { c.ValidBefore = uint64(noon.Unix()) - 1 }, false},
		{"critical option", func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": "y"} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"a@example.net", "root"},
				ValidAfter: uint64(noon.Unix()) - 3600, ValidBefore: uint64(noon.Unix()) + 3600}
			tt.change(cert)
			if err := cert.SignCert(rand.Reader, ca); err != nil {
				t.Fatal(err)
			}
			signer, err := ssh.NewCertSigner(cert, key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := firmware.VerifySignature(strings.NewReader("m"), sign(t, signer, "m"), firmware.Trust{Allowed: list, Now: noon})
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, firmware.ErrUntrusted) {
				t.Fatalf("error %v, want none: %v", err, tt.ok)
			}
			if tt.ok && (!slices.Equal(got.Principals, []string{"a@example.net"}) || got.Authority != ssh.FingerprintSHA256(ca.PublicKey())) {
				t.Errorf("signer %+v", got)
			}
		})
	}
}

func TestWeakKey(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	if _, err := firmware.Sign(newKey(t, "rsa", 1024), strings.NewReader("m")); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("error %v, want one about 1024 bits", err)
	}
}

func TestPackageSignature(t *testing.T) {
	built, data := buildPackage(t, programOptions(t, "l2switch"))
	key := newKey(t, "rsa", 2048)
	sig := sign(t, key, string(data))
	trust := firmware.Trust{Allowed: allowed(t, "a "+authorized(key.PublicKey()))}
	for name, pkg := range map[string]*firmware.Package{"built": built, "opened": openPackage(t, data)} {
		if _, err := pkg.VerifySignature(sig, trust); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := pkg.VerifySignature(nil, trust); !errors.Is(err, firmware.ErrUnsigned) {
			t.Errorf("%s: error %v, want ErrUnsigned", name, err)
		}
	}
	data[len(data)-1] ^= 1
	if _, err := openPackage(t, data).VerifySignature(sig, trust); !errors.Is(err, firmware.ErrBadSignature) {
		t.Errorf("damaged: error %v, want ErrBadSignature", err)
	}
}

func TestAllowedSignersRefuses(t *testing.T) {
	pub := authorized(newKey(t, "ed25519", 0).PublicKey())
	for _, line := range []string{
		"a", "a ", pub, `"a ` + pub, `a unknown="x" ` + pub, "a unknown " + pub, "a namespaces=p4dev " + pub,
		`a namespaces="" ` + pub, `a namespaces="x",namespaces="y" ` + pub, `a valid-after="tomorrow" ` + pub,
		`a valid-after="20261301" ` + pub, `a valid-after="20260102",valid-before="20260101" ` + pub, "a ssh-ed25519 AAAA",
	} {
		_, err := firmware.ParseAllowedSigners(strings.NewReader("# first line\n" + line + "\n"))
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: error %v, want one in line 2", line, err)
		}
	}
	if _, err := firmware.ParseRevokedKeys(strings.NewReader("SSHKRL\n\x00\x00\x00\x00\x01")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("binary revocation list: error %v, want ErrUnsupported", err)
	}
}

func TestPatterns(t *testing.T) {
	key := newKey(t, "ed25519", 0)
	pub, sig := authorized(key.PublicKey()), sign(t, key, "m")
	for patterns, want := range map[string]bool{
		"p4dev": true, "p4de?": true, "?????": true, "*": true, "p*v": true, "*4*e*": true, "**": true, "p4dev*": true, "x,p4dev": true,
		"p4de": false, "p4dev?": false, "?p4dev": false, "P4DEV": false, "p*x": false, "!p4dev": false, "!x": false, "p*,!*v": false, "!x,*": true,
	} {
		list := allowed(t, `a namespaces="`+patterns+`" `+pub)
		if _, err := firmware.VerifySignature(strings.NewReader("m"), sig, firmware.Trust{Allowed: list}); (err == nil) != want {
			t.Errorf("%s: error %v, want none: %v", patterns, err, want)
		}
	}
}

func TestAgent(t *testing.T) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: priv}); err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close() })
		go agent.ServeAgent(ring, far)
		return near
	}
	pub, err := ssh.NewPublicKey(priv.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := firmware.AgentSigner(dial(), pub)
	if err != nil {
		t.Fatal(err)
	}
	trust := firmware.Trust{Allowed: allowed(t, "a "+authorized(pub))}
	if _, err := firmware.VerifySignature(strings.NewReader("m"), sign(t, signer, "m"), trust); err != nil {
		t.Error(err)
	}
	if _, err := firmware.AgentSigner(dial(), newKey(t, "ecdsa", 0).PublicKey()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}

// needTool skips the test where the system lacks a program, or fails it where P4DEV_TEST_REQUIRE names "tools".
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if slices.Contains(strings.Split(os.Getenv("P4DEV_TEST_REQUIRE"), ","), "tools") {
			t.Fatalf("P4DEV_TEST_REQUIRE asks for tools: %v", err)
		}
		t.Skipf("no %s here", name)
	}
}

func run(t *testing.T, stdin []byte, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := run(t, nil, name, args...); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// TestOpenSSH has ssh-keygen verify what we sign, and the other way round.
func TestOpenSSH(t *testing.T) {
	needTool(t, "ssh-keygen")
	_, data := buildPackage(t, programOptions(t, "l2switch"))
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		for _, secret := range []string{"", "correct horse"} {
			t.Run(fmt.Sprintf("%s %q", kind, secret), func(t *testing.T) {
				dir := t.TempDir()
				file, key, list := filepath.Join(dir, "x.p4fw"), filepath.Join(dir, "key"), filepath.Join(dir, "allowed")
				mustRun(t, "ssh-keygen", "-q", "-t", kind, "-N", secret, "-C", "test", "-f", key)
				pub, err := os.ReadFile(key + ".pub")
				if err != nil {
					t.Fatal(err)
				}
				line := append([]byte(`a@example.net namespaces="p4dev" `), pub...)
				for name, content := range map[string][]byte{file: data, list: line} {
					if err := os.WriteFile(name, content, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				theyVerify(t, key, secret, file, list, data)
				if secret == "" {
					weVerify(t, key, file, list)
				}
			})
		}
	}
}

// theyVerify signs with the key and asks ssh-keygen.
func theyVerify(t *testing.T, key, secret, file, list string, data []byte) {
	t.Helper()
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	signer, err := firmware.ParsePrivateKey(text, func() ([]byte, error) { asked++; return []byte(secret), nil })
	if err != nil {
		t.Fatal(err)
	}
	if (asked > 0) != (secret != "") {
		t.Errorf("asked %d times for a passphrase", asked)
	}
	if err := os.WriteFile(file+".sig", sign(t, signer, string(data)), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := []string{"-Y", "verify", "-n", "p4dev", "-f", list, "-I", "a@example.net", "-s", file + ".sig"}
	if out, err := run(t, data, "ssh-keygen", verify...); err != nil {
		t.Errorf("ssh-keygen refuses our signature: %v\n%s", err, out)
	}
	if out, err := run(t, append(data, 'x'), "ssh-keygen", verify...); err == nil {
		t.Errorf("ssh-keygen takes our signature for another message\n%s", out)
	}
}

// weVerify has ssh-keygen sign.
func weVerify(t *testing.T, key, file, list string) {
	t.Helper()
	if err := os.Remove(file + ".sig"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "ssh-keygen", "-q", "-Y", "sign", "-n", "p4dev", "-f", key, file)
	pkg, err := firmware.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer pkg.Close()
	sig, err := firmware.ReadSignature(file)
	if err != nil {
		t.Fatal(err)
	}
	signers, err := firmware.ReadAllowedSigners(list)
	if err != nil {
		t.Fatal(err)
	}
	who, err := pkg.VerifySignature(sig, firmware.Trust{Allowed: signers})
	if err != nil || !slices.Equal(who.Principals, []string{"a@example.net"}) {
		t.Errorf("signer %+v, %v", who, err)
	}
}

// TestOpenSSHCertificate has ssh-keygen certify the key and sign with the certificate.
func TestOpenSSHCertificate(t *testing.T) {
	needTool(t, "ssh-keygen")
	dir := t.TempDir()
	ca, key, file := filepath.Join(dir, "ca"), filepath.Join(dir, "key"), filepath.Join(dir, "message")
	if err := os.WriteFile(file, []byte("m"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ca)
	mustRun(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	mustRun(t, "ssh-keygen", "-q", "-s", ca, "-I", "id", "-n", "a@example.net", key+".pub")
	if err := os.Rename(key+"-cert.pub", key+".pub"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "ssh-keygen", "-q", "-Y", "sign", "-n", "p4dev", "-f", key+".pub", file)
	sig, err := firmware.ReadSignature(file)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := os.ReadFile(ca + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	list := allowed(t, "*@example.net cert-authority "+string(pub))
	who, err := firmware.VerifySignature(strings.NewReader("m"), sig, firmware.Trust{Allowed: list})
	if err != nil || who.Authority == "" {
		t.Errorf("signer %+v, %v", who, err)
	}
}

func TestPrivateKeyErrors(t *testing.T) {
	if _, err := firmware.ParsePrivateKey([]byte("no key"), nil); err == nil {
		t.Error("a text that is no key is read")
	}
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(priv, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, block); err != nil {
		t.Fatal(err)
	}
	var missing *ssh.PassphraseMissingError
	if _, err := firmware.ParsePrivateKey(text.Bytes(), nil); !errors.As(err, &missing) {
		t.Errorf("nobody to ask: error %v, want *ssh.PassphraseMissingError", err)
	}
	wrong := func() ([]byte, error) { return []byte("wrong"), nil }
	if _, err := firmware.ParsePrivateKey(text.Bytes(), wrong); err == nil {
		t.Error("a wrong passphrase opens the key")
	}
}
