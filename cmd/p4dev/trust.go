package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"
	"golang.org/x/term"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/offload"
)

// trustFlags say whose signatures count.
type trustFlags struct{ allowed, revoked, policy string }

// allowedSigners is where the allowed-signers file lies, below the root.
const allowedSigners = "etc/p4dev/allowed_signers"

func (t *trustFlags) register(cmd *cobra.Command, policy bool) {
	cmd.Flags().StringVar(&t.allowed, "allowed-signers", "", "file of keys that may sign, in ssh-keygen's format (default /"+allowedSigners+")")
	cmd.Flags().StringVar(&t.revoked, "revoked-keys", "", "file of public keys whose signatures no longer count")
	if policy {
		cmd.Flags().StringVar(&t.policy, "signature", "", "unsigned packages: require, warn or off (default require where there is an allowed-signers file, else warn)")
	}
}

// trust reads the files. Without an allowed-signers file nobody may sign.
func (t *trustFlags) trust(root string) (firmware.Trust, error) {
	var tr firmware.Trust
	path := orElse(t.allowed, filepath.Join(root, allowedSigners))
	allowed, err := firmware.ReadAllowedSigners(path)
	switch {
	case err == nil:
		tr.Allowed = allowed
	case t.allowed == "" && errors.Is(err, fs.ErrNotExist):
	default:
		return tr, err
	}
	if t.revoked != "" {
		tr.Revoked, err = firmware.ReadRevokedKeys(t.revoked)
		return tr, err
	}
	return tr, nil
}

func (a *app) verifyCommand() *cobra.Command {
	var t trustFlags
	var unsigned bool
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a package: structure, digests, program, signature",
		Long: `Reads all of a package and reports everything that is wrong with it, then checks the signature beside it
(FILE.sig) against the allowed signers. Exit status 1 if anything is wrong.`,
		Example: `  p4dev verify l3router.p4fw
  p4dev verify --allowed-signers signers l3router.p4fw`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.verify(args[0], t, unsigned) },
	}
	t.register(cmd, false)
	cmd.Flags().BoolVar(&unsigned, "allow-unsigned", false, "a missing signature is no error")
	return cmd
}

func (a *app) verify(path string, t trustFlags, allowUnsigned bool) error {
	if a.isVendorFirmware(path) {
		return a.verifyVendorFirmware(path, t, allowUnsigned)
	}
	pkg, err := firmware.OpenFile(path)
	if err != nil {
		return err
	}
	defer pkg.Close()
	if err := pkg.Verify(); err != nil {
		return err
	}
	tr, err := t.trust(a.root)
	if err != nil {
		return err
	}
	sig, err := firmware.ReadSignature(path)
	if err != nil {
		return err
	}
	v := verifyView{File: path, Name: pkg.Manifest.Name, Version: pkg.Manifest.Version, Source: pkg.Manifest.Source}
	v.Signer, err = pkg.VerifySignature(sig, tr)
	if err != nil && !(allowUnsigned && errors.Is(err, firmware.ErrUnsigned)) {
		return fmt.Errorf("%s: contents are whole, but %w", path, err)
	}
	return a.render(v, v.text)
}

// isVendorFirmware reports whether a path is that of a file that is no package.
func (a *app) isVendorFirmware(path string) bool {
	return offload.IsVendorFirmware(firmware.KernelSearch(os.DirFS(a.root)), path)
}

// verifyVendorFirmware checks the signature of a file of which nothing else is known.
func (a *app) verifyVendorFirmware(path string, t trustFlags, allowUnsigned bool) error {
	tr, err := t.trust(a.root)
	if err != nil {
		return err
	}
	sig, err := firmware.ReadSignature(path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	v := verifyView{File: path, Name: "no package"}
	v.Signer, err = firmware.VerifySignature(f, sig, tr)
	if err != nil && !(allowUnsigned && errors.Is(err, firmware.ErrUnsigned)) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return a.render(v, v.text)
}

type verifyView struct {
	File    string           `json:"file"`
	Name    string           `json:"name"`
	Version string           `json:"version,omitempty"`
	Source  string           `json:"source,omitempty"`
	Signer  *firmware.Signer `json:"signer,omitempty"`
}

func (v verifyView) text(w io.Writer) error {
	by := "not signed"
	if v.Signer != nil {
		by = fmt.Sprintf("signed by %s (%s %s)", strings.Join(v.Signer.Principals, ","), v.Signer.KeyType, v.Signer.Fingerprint)
	}
	if v.Version == "" {
		_, err := fmt.Fprintf(w, "%s: %s, %s\n", v.File, v.Name, by)
		return err
	}
	_, err := fmt.Fprintf(w, "%s: %s %s, %s\n  source %s\n", v.File, v.Name, v.Version, by, v.Source)
	return err
}

func (a *app) signCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "sign FILE --key KEY",
		Short: "Sign a package with an SSH key",
		Long: `Writes FILE.sig in OpenSSH's signature format, the same as ssh-keygen -Y sign -n p4dev -f KEY FILE does.
KEY is a private key, or a public key whose private half is in the ssh-agent.`,
		Example: `  p4dev sign l3router.p4fw --key ~/.ssh/id_ed25519`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.sign(args[0], key) },
	}
	cmd.Flags().StringVarP(&key, "key", "f", "", "private key, or public key of one in the ssh-agent")
	cmd.MarkFlagRequired("key")
	return cmd
}

func (a *app) sign(path, keyPath string) error {
	signer, done, err := a.signer(keyPath)
	if err != nil {
		return err
	}
	defer done()
	if !a.isVendorFirmware(path) {
		pkg, err := firmware.OpenFile(path)
		if err != nil {
			return err
		}
		defer pkg.Close()
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sig, err := firmware.Sign(signer, f)
	if err != nil {
		return err
	}
	out := path + firmware.SignatureSuffix
	err = writeFile(out, func(w io.Writer) (int64, error) {
		n, err := w.Write(sig)
		return int64(n), err
	})
	if err != nil {
		return err
	}
	v := struct {
		File        string `json:"file"`
		Signature   string `json:"signature"`
		Fingerprint string `json:"fingerprint"`
	}{path, out, ssh.FingerprintSHA256(signer.PublicKey())}
	return a.render(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: signed by %s\n", v.Signature, v.Fingerprint)
		return err
	})
}

// signer reads a private key, or finds it in the ssh-agent by its public key. done closes the agent.
func (a *app) signer(path string) (s ssh.Signer, done func(), err error) {
	done = func() {}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, done, err
	}
	if pub, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
		conn, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
		if err != nil {
			return nil, done, fmt.Errorf("reach the ssh-agent for %s: %w", path, err)
		}
		s, err = firmware.AgentSigner(conn, pub)
		return s, func() { conn.Close() }, err
	}
	s, err = firmware.ParsePrivateKey(data, func() ([]byte, error) {
		fmt.Fprintf(a.err, "Passphrase for %s: ", path)
		defer fmt.Fprintln(a.err)
		return term.ReadPassword(int(os.Stdin.Fd()))
	})
	return s, done, err
}
