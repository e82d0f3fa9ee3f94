package firmware_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware"
)

// TestVersionOrder lists versions from the oldest to the newest; those on one line are equal.
func TestVersionOrder(t *testing.T) {
	order := []string{
		"0 0.0.0.0 0+b", "0.0.0.1", "1.0.0-0", "1.0.0-2", "1.0.0-10 1.0-010", "1.0.0-alpha 1-alpha+x", "1.0.0-alpha.1",
		"1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1 1.0.0 1.0.0+build-1", "1.0.0.1",
		"1.0.1", "1.9 1.09", "1.10", "2", "4294967295",
	}
	type ranked struct {
		rank int
		v    firmware.Version
	}
	var all []ranked
	for rank, line := range order {
		for _, s := range strings.Fields(line) {
			v, err := firmware.ParseVersion(s)
			if err != nil || v.String() != s {
				t.Fatalf("%s is read as %v, %v", s, v, err)
			}
			all = append(all, ranked{rank, v})
		}
	}
	for _, a := range all {
		for _, b := range all {
			want := min(1, max(-1, a.rank-b.rank))
			if got := a.v.Compare(b.v); got != want {
				t.Errorf("%v compared with %v is %d, want %d", a.v, b.v, got, want)
			}
		}
	}
	if got := (firmware.Version{}).String(); got != "0" {
		t.Errorf("zero version %q", got)
	}
}

func TestVersionErrors(t *testing.T) {
	for _, s := range []string{"", "v1", "1.", ".1", "1..2", "1.2.3.4.5", "-1", "+1", "1-", "1+", "1-a..b", "1-a_b", "1 ", "4294967296",
		"1.+2", "1.2e3", strings.Repeat("1", 65), "1-é"} {
		if _, err := firmware.ParseVersion(s); !errors.Is(err, firmware.ErrVersion) {
			t.Errorf("%q: error %v, want ErrVersion", s, err)
		}
	}
}

func TestSourceTag(t *testing.T) {
	a := firmware.SourceFile{Name: "a.p4", Data: []byte("abc")}
	b := firmware.SourceFile{Name: "inc/b.p4", Data: []byte("")}
	tests := []struct {
		name  string
		files []firmware.SourceFile
		want  string // "" for an error
	}{
		{"one file", []firmware.SourceFile{a}, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"several", []firmware.SourceFile{a, b}, "?"},
		{"in another order", []firmware.SourceFile{b, a}, "?"},
		{"none", nil, ""},
		{"one twice", []firmware.SourceFile{a, a}, ""},
		{"line break in a name", []firmware.SourceFile{a, {Name: "b\nc"}}, ""},
		{"no name", []firmware.SourceFile{a, {}}, ""},
	}
	list := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.p4\n" +
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  inc/b.p4\n"
	several, err := firmware.SourceTag(firmware.SourceFile{Data: []byte(list)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if tt.want == "?" {
			tt.want = several
		}
		got, err := firmware.SourceTag(tt.files...)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: got %s, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}

// TestSourceTagShell computes the tag with the command that the documentation gives.
func TestSourceTagShell(t *testing.T) {
	needTool(t, "sha256sum")
	dir := t.TempDir()
	root := os.DirFS(dir)
	for name, text := range map[string]string{"B.p4": "#include \"a.p4\"\n#include \"sub/c.p4\"\n", "a.p4": "a", "sub/c.p4": "#include \"../a.p4\"\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := firmware.ReadSource(root, "B.p4")
	if err != nil {
		t.Fatal(err)
	}
	got, err := firmware.SourceTag(files...)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "sha256sum sub/c.p4 a.p4 B.p4 | LC_ALL=C sort -k2 | sha256sum")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "sha256:" + strings.Fields(string(out))[0]; got != want {
		t.Errorf("got %s, the shell says %s", got, want)
	}
}

func TestReadSource(t *testing.T) {
	root := fstest.MapFS{
		"src/prog/main.p4":   {Data: []byte("#include <core.p4>\n  # include \"a.p4\" // x\n#include \"../common/h.p4\"\n//#include \"no.p4\"\n")},
		"src/prog/a.p4":      {Data: []byte("#include \"main.p4\"\n")},
		"src/common/h.p4":    {Data: []byte("#include \"t.p4\"\n")},
		"src/common/t.p4":    {Data: []byte("t")},
		"src/prog/broken.p4": {Data: []byte("#include \"none.p4\"\n")},
		"src/prog/out.p4":    {Data: []byte("#include \"../../../etc/passwd\"\n")},
	}
	files, err := firmware.ReadSource(root, "src/prog/main.p4")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"../common/h.p4", "../common/t.p4", "a.p4", "main.p4"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, main := range []string{"src/prog/broken.p4", "src/prog/out.p4", "src/prog/none.p4"} {
		if _, err := firmware.ReadSource(root, main); err == nil {
			t.Errorf("%s is read", main)
		}
	}
}

func TestSameSource(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	tests := []struct {
		a, b string
		want bool
	}{
		{"sha256:" + sum, "sha256:" + sum, true},
		{"sha256:" + sum, "sha256:" + strings.ToUpper(sum), true},
		{"sha1:" + sum[:40], "sha1:" + sum[:40], true},
		{"sha256:" + sum, "sha1:" + sum[:40], false},
		{"sha256:" + sum, "sha256:" + strings.Repeat("0", 64), false},
		{"sha256:" + sum[:40], "sha256:" + sum[:40], false},
		{"md5:" + sum[:32], "md5:" + sum[:32], false},
		{sum, sum, false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := firmware.SameSource(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: %v", tt.a, tt.b, got)
		}
	}
}

func TestSourceDate(t *testing.T) {
	for text, want := range map[string]time.Time{"": {}, "0": time.Unix(0, 0).UTC(), "1700000000": time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)} {
		got, err := firmware.SourceDate(func(name string) string { return map[string]string{"SOURCE_DATE_EPOCH": text}[name] })
		if err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	if _, err := firmware.SourceDate(func(string) string { return "-1" }); err == nil {
		t.Error("-1 is read")
	}
	o := programOptions(t, "l2switch")
	_, without := buildPackage(t, o)
	o = programOptions(t, "l2switch")
	o.Released = time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	_, with := buildPackage(t, o)
	if string(without) == string(with) || !openPackage(t, with).Container().Released.Equal(o.Released) {
		t.Error("the release date does not get into the package")
	}
}
