package firmware

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// SignatureNamespace is the namespace of signatures of packages, so that a signature of something else, made
// with the same key, cannot pass for one.
const SignatureNamespace = "p4dev"

// SignatureSuffix is what the name of a signature's file has behind that of the package.
const SignatureSuffix = ".sig"

const (
	maxSignature = 64 << 10 // bytes of a signature file; those of certificates are the largest
	minRSABits   = 2048
)

// Sign signs all of r and returns the signature as OpenSSH writes it (ssh-keygen -Y sign -n p4dev): SHA-512 of
// the message, and rsa-sha2-512 where the key is an RSA key.
func Sign(signer ssh.Signer, r io.Reader) ([]byte, error) {
	if err := checkKey(signer.PublicKey()); err != nil {
		return nil, fmt.Errorf("firmware: sign package: %w", err)
	}
	sig, err := sshsig.Sign(r, signer, sshsig.HashSHA512, SignatureNamespace)
	if err != nil {
		return nil, fmt.Errorf("firmware: sign package: %w", err)
	}
	return sshsig.Armor(sig), nil
}

// ParsePrivateKey reads a private key for Sign, in OpenSSH's or a PEM format. passphrase is asked only where the
// key is encrypted; nil means that there is nobody to ask.
func ParsePrivateKey(data []byte, passphrase func() ([]byte, error)) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey(data)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) && passphrase != nil {
		var secret []byte
		if secret, err = passphrase(); err == nil {
			signer, err = ssh.ParsePrivateKeyWithPassphrase(data, secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("firmware: read private key: %w", err)
	}
	return signer, nil
}

// AgentSigner finds the private half of pub in the ssh-agent at the other end of conn. The connection belongs to
// the signer from then on: it must stay open as long as the signer is used, and serves one call. The error wraps
// os.ErrNotExist where the agent has no such key.
func AgentSigner(conn io.ReadWriter, pub ssh.PublicKey) (ssh.Signer, error) {
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, fmt.Errorf("firmware: ask ssh-agent: %w", err)
	}
	for _, s := range signers {
		if sameKey(s.PublicKey(), pub) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("firmware: ask ssh-agent: key %s: %w", ssh.FingerprintSHA256(pub), os.ErrNotExist)
}

// Trust says whose signatures count.
type Trust struct {
	Allowed *AllowedSigners // nil: nobody
	Revoked *RevokedKeys    // nil: none
	Now     time.Time       // at which a key must be valid; zero: the current time
}

// Signer is who made a good signature.
type Signer struct {
	Principals  []string `json:"principals"`          // patterns of the allowed-signers line, or the certificate's own principals
	KeyType     string   `json:"key_type"`            // "ssh-ed25519"
	Fingerprint string   `json:"fingerprint"`         // "SHA256:...", of the certified key where a certificate signed
	Authority   string   `json:"authority,omitempty"` // fingerprint of the authority that certified the key, or ""
}

// VerifySignature checks the signature sig of all of message. The error wraps ErrUnsigned where sig is empty,
// ErrBadSignature where it does not belong to the message, and ErrUntrusted where it is good but its maker may
// not sign; then the signer is returned as well, without principals.
func VerifySignature(message io.Reader, sig []byte, t Trust) (*Signer, error) {
	signer, err := verifySignature(message, sig, &t)
	if err != nil {
		return signer, fmt.Errorf("firmware: verify signature: %w", err)
	}
	return signer, nil
}

func verifySignature(message io.Reader, sig []byte, t *Trust) (*Signer, error) {
	if len(sig) == 0 {
		return nil, ErrUnsigned
	}
	if len(sig) > maxSignature {
		return nil, fmt.Errorf("%w: %d bytes", ErrBadSignature, len(sig))
	}
	s, err := sshsig.Unarmor(sig)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	if s.Namespace != SignatureNamespace {
		return nil, fmt.Errorf("%w: made for %.80q, not for %q", ErrBadSignature, s.Namespace, SignatureNamespace)
	}
	source := &errorKeeper{r: message}
	if err := sshsig.Verify(source, s, s.PublicKey, s.HashAlgorithm, SignatureNamespace); source.err != nil {
		return nil, source.err
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	if t.Now.IsZero() {
		t.Now = time.Now()
	}
	return t.find(s.PublicKey)
}

// errorKeeper tells trouble in reading the message from a signature that is wrong.
type errorKeeper struct {
	r   io.Reader
	err error
}

func (k *errorKeeper) Read(b []byte) (int, error) {
	n, err := k.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}

// find returns who signs with key, a plain key or a certificate.
func (t *Trust) find(key ssh.PublicKey) (*Signer, error) {
	cert, _ := key.(*ssh.Certificate)
	signer := &Signer{KeyType: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}
	if cert != nil {
		signer.KeyType, signer.Fingerprint = cert.Key.Type(), ssh.FingerprintSHA256(cert.Key)
		signer.Authority = ssh.FingerprintSHA256(cert.SignatureKey)
	}
	if err := t.checkRevoked(key, cert); err != nil {
		return signer, err
	}
	reason := errors.New("not in the list of allowed signers")
	for i := range t.Allowed.entries() {
		principals, err := t.Allowed.lines[i].accept(key, cert, t.Now)
		if err == nil && len(principals) > 0 {
			signer.Principals = principals
			return signer, nil
		}
		if err != nil {
			reason = fmt.Errorf("line %d of the list of allowed signers: %w", t.Allowed.lines[i].number, err)
		}
	}
	return signer, fmt.Errorf("%w: key %s: %w", ErrUntrusted, signer.Fingerprint, reason)
}

func (t *Trust) checkRevoked(key ssh.PublicKey, cert *ssh.Certificate) error {
	keys := []ssh.PublicKey{key}
	if cert != nil {
		keys = []ssh.PublicKey{cert, cert.Key, cert.SignatureKey}
	}
	for _, k := range keys {
		if t.Revoked.contains(k) {
			return fmt.Errorf("%w: key %s is revoked", ErrUntrusted, ssh.FingerprintSHA256(k))
		}
		if err := checkKey(k); err != nil {
			return fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
	}
	return nil
}

// checkKey refuses keys that are too weak to mean anything.
func checkKey(key ssh.PublicKey) error {
	if c, ok := key.(*ssh.Certificate); ok {
		key = c.Key
	}
	if k, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
			return fmt.Errorf("RSA key of %d bits, at least %d are needed", r.N.BitLen(), minRSABits)
		}
	}
	return nil
}

// VerifySignature checks a signature of the package's file; see the function of that name.
func (p *Package) VerifySignature(sig []byte, t Trust) (*Signer, error) {
	if p.raw != nil {
		return VerifySignature(window(p.raw), sig, t)
	}
	r, w := io.Pipe()
	defer r.Close()
	go func() {
		_, err := p.WriteTo(w)
		w.CloseWithError(err)
	}()
	return VerifySignature(r, sig, t)
}

// ReadSignature reads the signature beside the package at path. Where there is none it returns nil, which
// VerifySignature takes for unsigned.
func ReadSignature(path string) ([]byte, error) {
	f, err := os.Open(path + SignatureSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("firmware: read signature: %w", err)
	}
	defer f.Close()
	data, err := readLimited(f, maxSignature)
	if err != nil {
		return nil, fmt.Errorf("firmware: read signature: %w", err)
	}
	return data, nil
}
