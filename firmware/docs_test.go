package firmware_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware"
)

// TestFormatsDocument compares the manifest in docs/formats.md with that of the package it describes, and looks for every
// flag and kind of finding.
func TestFormatsDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	example, _, _ := strings.Cut(rest, "```")

	o := programOptions(t, "l3router")
	o.Images = o.Images[:1]
	o.Devices = o.Devices[1:]
	_, data := buildPackage(t, o)
	r, err := openPackage(t, data).Component("manifest")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, manifest, "", "  "); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String()+"\n", example); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	for _, kind := range []firmware.FindingKind{firmware.Damaged, firmware.Mismatched, firmware.Unsigned, firmware.BadSignature,
		firmware.Untrusted, firmware.BelowLowest, firmware.Older, firmware.SameVersion, firmware.Rebuilt, firmware.Incomparable,
		firmware.Opaque, firmware.NeedsNewer, firmware.Replaces} {
		_, line, _ := strings.Cut(string(text), "\n| "+string(kind)+" |")
		line, _, _ = strings.Cut(line, "\n")
		if line == "" || !strings.Contains(line, kind.Flag()) {
			t.Errorf("%s: the document says %q, the flag is %q", kind, line, kind.Flag())
		}
	}
}
