package graph

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strings"
	"unicode/utf8"
)

// ErrTooLarge reports a graph that no drawing can make clear.
var ErrTooLarge = errors.New("graph too large to draw")

// Sizes in pixels. All text is set in a fixed pitch, so that its width is known without the font.
const (
	charWidth  = 6.7
	lineHeight = 15.0
	padding    = 7.0
	rankGap    = 22.0
	margin     = 12.0
	loopWidth  = 26.0
	maxBoxes   = 20000
)

// SVG writes the graph as an SVG image, laid out from top to bottom. The layout is made here, without any
// outside tool. The error wraps ErrTooLarge for graphs with so many states and long edges that the drawing
// would have more than 20000 pieces.
func (g *Graph) SVG(w io.Writer) error {
	l, ok := assignRanks(g, maxBoxes)
	if !ok {
		return fmt.Errorf("graph: write SVG: %d states, %d edges: %w", len(g.Nodes), len(g.Edges), ErrTooLarge)
	}
	d := &drawing{graph: g, layered: l}
	d.measure()
	l.reorder()
	l.place()
	d.stack()
	out := bufio.NewWriter(w)
	d.write(out)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("graph: write SVG: %w", err)
	}
	return nil
}

// drawing is a graph with the sizes and places of its parts.
type drawing struct {
	graph *Graph
	*layered
	top    []float64 // y of each rank
	height []float64 // of each rank
	end    float64   // y below the last rank
}

// measure gives every box its size. The room for a loop is part of its node's.
func (d *drawing) measure() {
	for i := range d.boxes {
		b := &d.boxes[i]
		switch {
		case b.node >= 0:
			b.width, b.height = nodeSize(d.graph.Nodes[b.node])
		case len(b.lines) > 0:
			b.width = textWidth(b.lines) + 4
			b.height = float64(len(b.lines)) * lineHeight
		default:
			b.width = 2
		}
	}
	for _, a := range d.loops {
		d.boxes[a.from].width += 2 * (loopWidth + textWidth(shorten(a.labels)))
	}
}

// lines returns the lines of a state's box: its name, what it does, what it selects.
func (n *Node) lines() []string {
	lines := append([]string{n.Name}, shorten(n.Rows)...)
	if n.Select != "" {
		lines = append(lines, "select "+n.Select)
	}
	return lines
}

func nodeSize(n Node) (width, height float64) {
	switch n.Kind {
	case Start:
		return 14, 14
	case Accept, Reject:
		return textWidth([]string{n.Name}) + 4*padding, lineHeight + 2*padding
	}
	lines := n.lines()
	return textWidth(lines) + 2*padding, float64(len(lines))*lineHeight + 3*padding
}

func textWidth(lines []string) float64 {
	most := 0
	for _, s := range lines {
		most = max(most, utf8.RuneCountInString(s))
	}
	return math.Ceil(float64(most) * charWidth)
}

// stack gives every rank its y.
func (d *drawing) stack() {
	y := margin
	for _, rank := range d.ranks {
		h := 0.0
		for _, b := range rank {
			h = math.Max(h, d.boxes[b].height)
		}
		d.top = append(d.top, y)
		d.height = append(d.height, h)
		y += h + rankGap
	}
	d.end = y - rankGap
}

func (d *drawing) write(out *bufio.Writer) {
	width := 0.0
	for _, b := range d.boxes {
		width = math.Max(width, b.x+b.width/2)
	}
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="%.0f 0 %.0f %.0f" `+
		`font-family="monospace" font-size="11">`+"\n", width+2*margin, d.end+margin, -margin, width+2*margin, d.end+margin)
	fmt.Fprintf(out, "<title>%s</title>\n", xmlText(d.graph.Name))
	out.WriteString(`<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" ` +
		`orient="auto"><path d="M0,1 L8,4 L0,7 z" fill="#555"/></marker></defs>` + "\n")
	fmt.Fprintf(out, `<rect x="%.0f" y="0" width="100%%" height="100%%" fill="white"/>`+"\n", -margin)
	ports := d.ports()
	for _, c := range d.chains {
		d.writeChain(out, c, ports)
	}
	for _, a := range d.loops {
		d.writeLoop(out, a)
	}
	for _, b := range d.boxes {
		switch {
		case b.node >= 0:
			d.writeNode(out, b)
		case len(b.lines) > 0:
			d.writeLabel(out, b.x-textWidth(b.lines)/2, d.top[b.rank]+(d.height[b.rank]-b.height)/2, b.lines)
		}
	}
	out.WriteString("</svg>\n")
}

// ports returns where each chain leaves its upper node and reaches its lower one: side by side, in the order of
// where it goes on.
func (d *drawing) ports() map[[2]int][2]float64 {
	type end struct {
		chain int
		next  float64 // x of the neighbouring box
	}
	upper, lower := map[int][]end{}, map[int][]end{}
	for i, c := range d.chains {
		n := len(c.boxes)
		upper[c.boxes[0]] = append(upper[c.boxes[0]], end{i, d.boxes[c.boxes[1]].x})
		lower[c.boxes[n-1]] = append(lower[c.boxes[n-1]], end{i, d.boxes[c.boxes[n-2]].x})
	}
	x := make([][2]float64, len(d.chains))
	spread := func(ends map[int][]end, side int) {
		for node, list := range ends {
			sort.SliceStable(list, func(i, j int) bool { return list[i].next < list[j].next })
			w, _ := nodeSize(d.graph.Nodes[d.boxes[node].node])
			for i, e := range list {
				x[e.chain][side] = math.Round(d.boxes[node].x + w*(float64(i+1)/float64(len(list)+1)-0.5))
			}
		}
	}
	spread(upper, 0)
	spread(lower, 1)
	out := map[[2]int][2]float64{}
	for i, c := range d.chains {
		out[[2]int{c.boxes[0], c.boxes[len(c.boxes)-1]}] = x[i]
	}
	return out
}

// point is a place in the drawing.
type point struct{ x, y float64 }

// writeChain writes an edge as a curve that is vertical wherever it passes a rank.
func (d *drawing) writeChain(out *bufio.Writer, c chain, ports map[[2]int][2]float64) {
	n := len(c.boxes)
	first, last := &d.boxes[c.boxes[0]], &d.boxes[c.boxes[n-1]]
	port := ports[[2]int{c.boxes[0], c.boxes[n-1]}]
	points := []point{{port[0], d.nodeTop(first) + first.height}}
	for _, i := range c.boxes[1 : n-1] {
		b := &d.boxes[i]
		points = append(points, point{b.x, d.top[b.rank]}, point{b.x, d.top[b.rank] + d.height[b.rank]})
	}
	points = append(points, point{port[1], d.nodeTop(last)})
	if c.reversed {
		for i, j := 0, len(points)-1; i < j; i, j = i+1, j-1 {
			points[i], points[j] = points[j], points[i]
		}
	}
	fmt.Fprintf(out, `<path d="M%.0f,%.0f`, points[0].x, points[0].y)
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if a.x == b.x {
			fmt.Fprintf(out, " L%.0f,%.0f", b.x, b.y)
			continue
		}
		middle := math.Round((a.y + b.y) / 2)
		fmt.Fprintf(out, " C%.0f,%.0f %.0f,%.0f %.0f,%.0f", a.x, middle, b.x, middle, b.x, b.y)
	}
	out.WriteString(`" fill="none" stroke="#555" marker-end="url(#arrow)"/>` + "\n")
}

// nodeTop returns the upper edge of a node, which stands in the middle of its rank.
func (d *drawing) nodeTop(b *box) float64 {
	return math.Round(d.top[b.rank] + (d.height[b.rank]-b.height)/2)
}

// writeLoop writes an edge from a node to itself on the node's right.
func (d *drawing) writeLoop(out *bufio.Writer, a arrow) {
	b := &d.boxes[a.from]
	w, h := nodeSize(d.graph.Nodes[b.node])
	x, y := math.Round(b.x+w/2), d.nodeTop(b)
	fmt.Fprintf(out, `<path d="M%.0f,%.0f C%.0f,%.0f %.0f,%.0f %.0f,%.0f" fill="none" stroke="#555" marker-end="url(#arrow)"/>`+"\n",
		x, y+h*0.7, x+loopWidth, y+h*0.8, x+loopWidth, y+h*0.2, x, y+h*0.3)
	if lines := shorten(a.labels); len(lines) > 0 {
		d.writeLabel(out, x+loopWidth-2, y+(h-float64(len(lines))*lineHeight)/2, lines)
	}
}

// writeLabel writes lines on white ground.
func (d *drawing) writeLabel(out *bufio.Writer, x, y float64, lines []string) {
	fmt.Fprintf(out, `<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" fill="white"/>`+"\n",
		x-2, y, textWidth(lines)+4, float64(len(lines))*lineHeight)
	for i, line := range lines {
		writeText(out, x, y+float64(i)*lineHeight, "", line)
	}
}

// writeText writes a line whose upper left corner is x, y.
func writeText(out *bufio.Writer, x, y float64, attributes, line string) {
	fmt.Fprintf(out, `<text x="%.0f" y="%.0f"%s xml:space="preserve">%s</text>`+"\n", x, y+lineHeight-4, attributes, xmlText(line))
}

func (d *drawing) writeNode(out *bufio.Writer, b box) {
	n := d.graph.Nodes[b.node]
	w, h := nodeSize(n)
	x, y := math.Round(b.x-w/2), d.nodeTop(&b)
	switch n.Kind {
	case Start:
		fmt.Fprintf(out, `<circle cx="%.0f" cy="%.0f" r="7" fill="#222"/>`+"\n", x+w/2, y+h/2)
		return
	case Accept, Reject:
		fill := "#d9ead3"
		if n.Kind == Reject {
			fill = "#f4cccc"
		}
		fmt.Fprintf(out, `<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="10" fill="%s" stroke="#333"/>`+"\n", x, y, w, h, fill)
		writeText(out, x+2*padding, y+padding, "", n.Name)
		return
	}
	head := lineHeight + padding
	fmt.Fprintf(out, `<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" fill="white" stroke="#333"/>`+"\n", x, y, w, h)
	fmt.Fprintf(out, `<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" fill="#cfe2f3" stroke="#333"/>`+"\n", x, y, w, head)
	for i, line := range n.lines() {
		attributes, down := "", padding/2+float64(i)*lineHeight
		switch {
		case i == 0:
			attributes = ` font-weight="bold"`
		case i == len(n.lines())-1 && n.Select != "":
			attributes = ` font-style="italic"`
			fallthrough
		default:
			down += padding
		}
		writeText(out, x+padding, y+down, attributes, line)
	}
}

// xmlText escapes text for XML.
func xmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(printable(s))
}
