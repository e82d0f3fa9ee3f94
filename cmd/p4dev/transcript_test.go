package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/testdata/p4"
)

// place is a folder in which commands run, with a root and a run folder below. It keeps a transcript.
type place struct {
	t       *testing.T
	flags   []string // of every command; not in the transcript
	home    string   // of the package, with testdata
	written strings.Builder
}

// newPlace makes a folder with the named programs of testdata/p4, and goes there.
func newPlace(t *testing.T, programs ...string) *place {
	t.Helper()
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("SOURCE_DATE_EPOCH", "1709251200")
	p := &place{t: t, home: home, flags: []string{"--root", "root", "--run-dir", "run"}}
	p.must(os.MkdirAll("root/lib/firmware/p4dev", 0o755))
	for _, name := range programs {
		for _, ext := range []string{".p4", ".json", ".p4info.txtpb"} {
			data, err := p4.FS.ReadFile(name + ext)
			p.must(err)
			p.write(name+ext, data)
		}
	}
	return p
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) write(name string, data []byte) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(name), 0o755))
	p.must(os.WriteFile(name, data, 0o644))
}

func (p *place) read(name string) []byte {
	p.t.Helper()
	data, err := os.ReadFile(name)
	p.must(err)
	return data
}

// result is what a command leaves.
type result struct {
	line     string // the command
	out, err string
	code     int
}

// run runs a command in this process.
func (p *place) run(args ...string) result {
	p.t.Helper()
	return p.runContext(p.t.Context(), args...)
}

func (p *place) runContext(ctx context.Context, args ...string) result {
	var out, errOut bytes.Buffer
	code := run(ctx, append(p.flags[:len(p.flags):len(p.flags)], args...), strings.NewReader(""), &out, &errOut)
	r := result{"p4dev " + quoted(args), out.String(), errOut.String(), code}
	p.written.WriteString(r.transcript())
	return r
}

// do runs a command that must end with an exit status.
func (p *place) do(code int, args ...string) result {
	p.t.Helper()
	r := p.run(args...)
	if r.code != code {
		p.t.Fatalf("exit status %d, want %d\n%s", r.code, code, r.transcript())
	}
	return r
}

// quiet runs a command that must do its work, without a word in the transcript.
func (p *place) quiet(args ...string) result {
	p.t.Helper()
	before := p.written.String()
	r := p.do(exitDone, args...)
	p.written.Reset()
	p.written.WriteString(before)
	return r
}

// look is quiet, and returns the command's output.
func (p *place) look(args ...string) string {
	p.t.Helper()
	return p.quiet(args...).out
}

func quoted(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a; a == "" || strings.ContainsAny(a, " *&'\"{}") {
			words[i] = "'" + a + "'"
		}
	}
	return strings.Join(words, " ")
}

// transcript is the command with what it wrote and how it ended.
func (r result) transcript() string {
	var b strings.Builder
	b.WriteString("$ " + r.line + "\n")
	for _, part := range []struct{ name, text string }{{"stdout", r.out}, {"stderr", r.err}} {
		if part.text == "" {
			continue
		}
		b.WriteString("-- " + part.name + "\n" + part.text)
		if !strings.HasSuffix(part.text, "\n") {
			b.WriteString("(no newline)\n")
		}
	}
	b.WriteString("-- exit " + string(rune('0'+r.code)) + "\n\n")
	return b.String()
}

// says fails the test unless the command's output, of both kinds, has all of the texts.
func (p *place) says(r result, texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			p.t.Errorf("not there: %q\n%s", text, r.transcript())
		}
	}
}

// changing is what differs from run to run, and what stands for it in goldens.
var changing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "TIME"},
	{regexp.MustCompile(`"ifindex": [0-9]+`), `"ifindex": INDEX`},
	{regexp.MustCompile(`"seconds": [0-9.e-]+`), `"seconds": SECONDS`},
	{regexp.MustCompile(`go1\.[0-9.]+[^ "\n]*`), "GO"},
	{regexp.MustCompile(`/\.(\w+)-[0-9]+`), "/.${1}-RANDOM"},
	{regexp.MustCompile(`(-RANDOM.*attribute at byte )[0-9]+`), "${1}N"}, // it stands behind the name
	{regexp.MustCompile(`p4dev (\(devel\)|v[0-9][^ ]*|\(unknown\)|) (unknown revision|[0-9a-f]{40}) GO`), "p4dev VERSION REVISION GO"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

// golden compares the transcript with testdata/NAME.txt; P4DEV_UPDATE=1 writes it.
func (p *place) golden(name string) {
	p.t.Helper()
	got := p.written.String()
	for _, c := range changing {
		got = c.pattern.ReplaceAllString(got, c.with)
	}
	path := filepath.Join(p.home, "testdata", name+".txt")
	if os.Getenv("P4DEV_UPDATE") != "" {
		p.must(os.MkdirAll(filepath.Dir(path), 0o755))
		p.must(os.WriteFile(path, []byte(got), 0o644))
		return
	}
	if diff := cmp.Diff(string(p.read(path)), got); diff != "" {
		p.t.Errorf("transcript differs from %s (P4DEV_UPDATE=1 writes it), -want +got:\n%s", path, diff)
	}
}
