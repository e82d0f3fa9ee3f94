package graph_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/graph"
)

const (
	programs = "../../testdata/p4"
	goldens  = "../../testdata/golden/graph"
)

func parserOf(t testing.TB, program string) *graph.Graph {
	t.Helper()
	prog, err := bmv2.ImportFile(filepath.Join(programs, program+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return graph.FromParser(prog.Parsers[0])
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldens, name)
	if os.Getenv("P4DEV_UPDATE") != "" {
		if err := os.MkdirAll(goldens, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (P4DEV_UPDATE=1 writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestGoldens(t *testing.T) {
	forms := []struct {
		ext   string
		write func(*graph.Graph, io.Writer) error
	}{
		{"txt", (*graph.Graph).Text},
		{"mmd", (*graph.Graph).Mermaid},
		{"dot", (*graph.Graph).DOT},
		{"svg", (*graph.Graph).SVG},
	}
	for _, program := range []string{"l3router", "mpls_edge", "features/unions", "features/value_set", "features/varbit"} {
		for _, form := range forms {
			name := filepath.Base(program) + "." + form.ext
			t.Run(name, func(t *testing.T) {
				var buf bytes.Buffer
				if err := form.write(parserOf(t, program), &buf); err != nil {
					t.Fatal(err)
				}
				golden(t, name, buf.Bytes())
			})
		}
	}
}

// hostile has names with everything that means something to one of the forms.
func hostile() *graph.Graph {
	nasty := "a\"b<c>&d|{e}\\l#f;`g`\n]n)\x00"
	return &graph.Graph{
		Name: nasty,
		Nodes: []graph.Node{
			{Kind: graph.Start, Name: nasty},
			{Name: nasty, Rows: []string{nasty, ""}, Select: nasty},
			{Name: ""},
			{Kind: graph.Accept, Name: nasty},
		},
		Edges: []graph.Edge{{0, 1, ""}, {1, 2, nasty}, {1, 2, "x"}, {2, 3, ""}, {2, 9, "nowhere"}, {-1, 0, ""}},
	}
}

func TestEscaping(t *testing.T) {
	var svg bytes.Buffer
	if err := hostile().SVG(&svg); err != nil {
		t.Fatal(err)
	}
	texts := svgTexts(t, svg.Bytes())
	want := "a\"b<c>&d|{e}\\l#f;`g`\uFFFD]n)\uFFFD"
	found := 0
	for _, text := range texts {
		if strings.TrimSpace(text) == want {
			found++
		}
	}
	// The state's name and row, the label of the edge, and accept; select has a word before it.
	if found != 4 {
		t.Errorf("found the name %d times, want 4, in %q", found, texts)
	}
	var mermaid bytes.Buffer
	if err := hostile().Mermaid(&mermaid); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(mermaid.String(), "\n") {
		if i < 3 {
			continue // the title
		}
		if n := strings.Count(line, `"`); n != 0 && n != 2 {
			t.Errorf("line %d has %d quotes: %s", i, n, line)
		}
	}
	if strings.Contains(mermaid.String(), "n9") {
		t.Error("an edge to no node was drawn")
	}
}

// svgTexts returns the contents of all text elements.
func svgTexts(t *testing.T, data []byte) []string {
	t.Helper()
	var out []string
	dec := xml.NewDecoder(bytes.NewReader(data))
	inText := false
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			inText = tok.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				out = append(out, string(tok))
			}
		}
	}
}

func TestSVG(t *testing.T) {
	var svg bytes.Buffer
	if err := parserOf(t, "l3router").SVG(&svg); err != nil {
		t.Fatal(err)
	}
	texts := strings.Join(svgTexts(t, svg.Bytes()), "\n")
	for _, want := range []string{"parse_ipv4", "extract ipv6 (40 bytes)", "0x86dd", "accept"} {
		if !strings.Contains(texts, want) {
			t.Errorf("no %q in the image's texts:\n%s", want, texts)
		}
	}
}

func TestEnds(t *testing.T) {
	g := parserOf(t, "features/unions")
	kinds := map[graph.Kind]int{}
	for _, n := range g.Nodes {
		kinds[n.Kind]++
	}
	want := map[graph.Kind]int{graph.Start: 1, graph.Accept: 1, graph.Reject: 1, graph.State: len(g.Nodes) - 3}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds of nodes (-want +got):\n%s", diff)
	}
	rejects := 0
	for _, e := range g.Edges {
		if g.Nodes[e.To].Kind == graph.Reject {
			rejects++
		}
	}
	// start, parse_label and parse_marker have no default, bad_body rejects by itself.
	if rejects != 4 {
		t.Errorf("%d edges to reject, want 4", rejects)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteErrors(t *testing.T) {
	want := errors.New("pipe broke")
	g := hostile()
	for name, write := range map[string]func(io.Writer) error{
		"text": g.Text, "mermaid": g.Mermaid, "dot": g.DOT, "svg": g.SVG,
	} {
		if err := write(brokenWriter{want}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want it to wrap %v", name, err, want)
		}
	}
}

func TestSVGTooLarge(t *testing.T) {
	// Each of many states in a row can end parsing: a quadratic number of pieces.
	g := &graph.Graph{Nodes: []graph.Node{{Kind: graph.Accept, Name: "accept"}}}
	for i := 1; i < 1000; i++ {
		g.Nodes = append(g.Nodes, graph.Node{Name: "state"})
		g.Edges = append(g.Edges, graph.Edge{From: i, To: i + 1}, graph.Edge{From: i, To: 0})
	}
	if err := g.SVG(io.Discard); !errors.Is(err, graph.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if err := g.DOT(io.Discard); err != nil {
		t.Errorf("DOT: %v", err)
	}
}
