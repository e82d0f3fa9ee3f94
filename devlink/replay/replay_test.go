package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/replay"
)

// recordings opens the recordings in testdata/wire, by KERNEL/DEVICE.
func recordings(t *testing.T) map[string]*replay.Recording {
	t.Helper()
	files, err := filepath.Glob("../../testdata/wire/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	out := make(map[string]*replay.Recording)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := replay.Read(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[filepath.Base(filepath.Dir(file))+"/"+strings.TrimSuffix(filepath.Base(file), ".txt")] = rec
	}
	return out
}

// subject is what a recording is about.
func subject(name string) replay.Subject {
	if strings.HasSuffix(name, "/netdevsim") {
		return replay.Netdevsim()
	}
	return replay.P4ref(!strings.HasPrefix(name, "6.1/"))
}

// played returns what a client makes of a recording, as JSON.
func played(t *testing.T, rec *replay.Recording, s replay.Subject) string {
	t.Helper()
	outcomes, err := replay.Play(t.Context(), rec, s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(outcomes)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestClient plays what kernels said to the client, which must make the same of it as when that was looked at.
// P4DEV_UPDATE=1 writes the results anew.
func TestClient(t *testing.T) {
	for name, rec := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := json.Indent(&got, []byte(played(t, rec, subject(name))), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			file := "../../testdata/wire/" + name + ".json"
			if os.Getenv("P4DEV_UPDATE") != "" {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%v; got:\n%s", err, got.Bytes())
			}
		})
	}
}

// TestRoundTrip wants a recording to be read as it was written.
func TestRoundTrip(t *testing.T) {
	for name, rec := range recordings(t) {
		var text bytes.Buffer
		if _, err := rec.WriteTo(&text); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile("../../testdata/wire/" + name + ".txt")
		if err != nil || !bytes.Equal(text.Bytes(), file) {
			t.Errorf("%s: written anew it differs (%v)", name, err)
		}
	}
}

// TestReadRefuses wants the line named that cannot be read.
func TestReadRefuses(t *testing.T) {
	for text, line := range map[string]string{
		"1> 00\n":               "line 1",
		"== a\n 00\n":           "line 2",
		"== a\nx> 00\n":         "line 2",
		"== a\n1> 00\n 0\n":     "line 3",
		"== a\n1> 0g\n":         "line 2",
		"== a\n>\n":             "line 2",
		"# x\n# y\n\n== a\n1\n": "line 5",
	} {
		if _, err := replay.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: got %v, want an error in %s", text, err, line)
		}
	}
}

// TestPlayerRefuses wants a request that was not recorded to fail.
func TestPlayerRefuses(t *testing.T) {
	p := replay.NewPlayer(&replay.Recording{Exchanges: []replay.Exchange{{Name: "nothing"}}})
	c := devlink.New(p.Dial)
	defer c.Close()
	if _, err := c.Devices(context.Background()); err == nil || !strings.Contains(err.Error(), "not recorded") {
		t.Errorf("got %v", err)
	}
	if err := p.Play("something"); err == nil {
		t.Error("plays an exchange that is not there")
	}
}
