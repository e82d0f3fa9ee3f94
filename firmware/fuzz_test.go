package firmware_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware"
)

func FuzzAllowedSigners(f *testing.F) {
	key := newKey(f, "ed25519", 0)
	pub := authorized(key.PublicKey())
	sig := sign(f, key, "m")
	f.Add("a " + pub)
	f.Add(`"a,b" cert-authority,namespaces="p4*,!x",valid-after="20260101Z",valid-before="202701010000" ` + pub)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := firmware.ParseAllowedSigners(strings.NewReader(text))
		if err != nil {
			return
		}
		who, err := firmware.VerifySignature(strings.NewReader("m"), sig, firmware.Trust{Allowed: list, Now: noon})
		if err == nil && (len(who.Principals) == 0 || !strings.Contains(text, strings.Fields(pub)[1][40:60])) {
			t.Fatalf("signer %+v by a list that does not name the key", who)
		}
		if err != nil && !errors.Is(err, firmware.ErrUntrusted) {
			t.Fatalf("error %v, want ErrUntrusted", err)
		}
	})
}

func FuzzSignature(f *testing.F) {
	key := newKey(f, "ecdsa", 0)
	good := sign(f, key, "m")
	trust := firmware.Trust{Allowed: allowed(f, "a "+authorized(key.PublicKey()))}
	f.Add(good)
	f.Fuzz(func(t *testing.T, sig []byte) {
		if _, err := firmware.VerifySignature(strings.NewReader("another message"), sig, trust); err == nil {
			t.Fatalf("%s passes for another message", sig)
		}
	})
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"name":"a","result":"loaded"}` + "\n" + `{"name":`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "h")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		h := firmware.History{Path: path}
		before, torn, err := h.Read()
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(data, []byte("\n")) + 1; len(before)+len(torn) > lines {
			t.Fatalf("%d records and %d torn lines of %d", len(before), len(torn), lines)
		}
		if err := h.Append(firmware.LoadRecord{Name: "new"}); err != nil {
			t.Fatal(err)
		}
		after, _, err := h.Read()
		if err != nil || len(after) <= len(before) || after[len(after)-1].Name != "new" {
			t.Fatalf("%d records before, %d after, %v", len(before), len(after), err)
		}
	})
}

func FuzzVersion(f *testing.F) {
	f.Add("1.2.3-rc.1+b", "1.2")
	f.Fuzz(func(t *testing.T, a, b string) {
		v, errV := firmware.ParseVersion(a)
		w, errW := firmware.ParseVersion(b)
		if errV == nil && errW == nil && v.Compare(w) != -w.Compare(v) {
			t.Fatalf("%s and %s: %d and %d", a, b, v.Compare(w), w.Compare(v))
		}
	})
}
