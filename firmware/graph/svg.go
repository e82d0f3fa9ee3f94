package graph

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/goccy/go-graphviz"
)

// SVG writes the graph as an SVG image, laid out by Graphviz, which runs in a WebAssembly machine inside the
// process. The first call takes a moment (0.1 to 1 s) to compile it; ctx can end the work early.
func (g *Graph) SVG(ctx context.Context, w io.Writer) error {
	var dot, svg bytes.Buffer
	if err := g.DOT(&dot); err != nil {
		return err
	}
	if err := render(ctx, dot.Bytes(), &svg); err != nil {
		return fmt.Errorf("graph: write SVG: %w", err)
	}
	if _, err := w.Write(svg.Bytes()); err != nil {
		return fmt.Errorf("graph: write SVG: %w", err)
	}
	return nil
}

func render(ctx context.Context, dot []byte, w io.Writer) error {
	viz, err := graphviz.New(ctx)
	if err != nil {
		return fmt.Errorf("start Graphviz: %w", err)
	}
	defer viz.Close()
	parsed, err := graphviz.ParseBytes(dot)
	if err != nil {
		return fmt.Errorf("read DOT: %w", err)
	}
	defer parsed.Close()
	if err := viz.Render(ctx, parsed, graphviz.SVG, w); err != nil {
		return fmt.Errorf("lay out: %w", err)
	}
	return nil
}
