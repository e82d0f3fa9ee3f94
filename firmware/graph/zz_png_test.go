package graph_test

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"

	"github.com/goccy/go-graphviz"
)

func TestPNG(t *testing.T) {
	for _, p := range []string{"l3router", "mpls_edge", "features/unions"} {
		var dot, svg bytes.Buffer
		g := parserOf(t, p)
		g.DOT(&dot)
		viz, _ := graphviz.New(context.Background())
		gr, err := graphviz.ParseBytes(dot.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var png bytes.Buffer
		if err := viz.Render(context.Background(), gr, graphviz.PNG, &png); err != nil {
			t.Fatal(err)
		}
		os.WriteFile("/tmp/"+g.Name+"_"+p[len(p)-4:]+".png", png.Bytes(), 0o644)
		g.SVG(context.Background(), &svg)
		os.WriteFile("/tmp/"+g.Name+"_"+p[len(p)-4:]+".svg", svg.Bytes(), 0o644)
	}
}

func TestConc(t *testing.T) {
	g := parserOf(t, "l3router")
	var wg sync.WaitGroup
	var ref bytes.Buffer
	g.SVG(context.Background(), &ref)
	for range 6 {
		wg.Go(func() {
			for range 5 {
				var b bytes.Buffer
				if err := g.SVG(context.Background(), &b); err != nil || !bytes.Equal(b.Bytes(), ref.Bytes()) {
					t.Error(err, b.Len())
				}
			}
		})
	}
	wg.Wait()
}
