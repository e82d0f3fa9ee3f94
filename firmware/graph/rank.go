package graph

// The layout follows Sugiyama: edges that close a cycle are turned round, nodes get ranks from top to bottom,
// edges become chains of one box per rank, the boxes of a rank are put in an order with few crossings
// (order.go), and get places (place.go).

// box is something that has a place in a rank: a node, a label, or an edge on its way past a rank.
type box struct {
	node   int      // index in Graph.Nodes, or -1
	lines  []string // of a label
	rank   int
	width  float64
	height float64
	x      float64 // of the middle
	up     []int   // boxes of the rank above that an edge joins with this one
	down   []int
}

// chain is an arrow as the boxes that it passes, from the upper node to the lower one.
type chain struct {
	boxes    []int
	reversed bool // the arrow points upwards
}

// layered is a graph while it is laid out.
type layered struct {
	boxes  []box
	ranks  [][]int // boxes of each rank, from left to right
	chains []chain
	loops  []arrow // from a node to itself
}

// assignRanks returns the graph's ranks: nodes on even ones, labels between them. It fails where there would
// be more than limit boxes.
func assignRanks(g *Graph, limit int) (*layered, bool) {
	l := &layered{}
	var arrows []arrow
	for _, a := range g.arrows() {
		if a.from == a.to {
			l.loops = append(l.loops, a)
		} else {
			arrows = append(arrows, a)
		}
	}
	back := backEdges(len(g.Nodes), arrows)
	rank := longestPaths(g, arrows, back)
	for i := range g.Nodes {
		l.add(box{node: i, rank: 2 * rank[i]})
	}
	for i, a := range arrows {
		if !l.addChain(a, back[i], limit) {
			return nil, false
		}
	}
	return l, len(l.boxes) <= limit
}

func (l *layered) add(b box) int {
	for len(l.ranks) <= b.rank {
		l.ranks = append(l.ranks, nil)
	}
	l.boxes = append(l.boxes, b)
	at := len(l.boxes) - 1
	l.ranks[b.rank] = append(l.ranks[b.rank], at)
	return at
}

// addChain adds the boxes between the two ends of an arrow; the first of them holds its label.
func (l *layered) addChain(a arrow, reversed bool, limit int) bool {
	top, bottom := a.from, a.to
	if reversed {
		top, bottom = bottom, top
	}
	c := chain{boxes: []int{top}, reversed: reversed}
	for r := l.boxes[top].rank + 1; r < l.boxes[bottom].rank; r++ {
		b := box{node: -1, rank: r}
		if r == l.boxes[top].rank+1 {
			b.lines = shorten(a.labels)
		}
		c.boxes = append(c.boxes, l.add(b))
		if len(l.boxes) > limit {
			return false
		}
	}
	c.boxes = append(c.boxes, bottom)
	for i := 1; i < len(c.boxes); i++ {
		upper, lower := c.boxes[i-1], c.boxes[i]
		l.boxes[upper].down = append(l.boxes[upper].down, lower)
		l.boxes[lower].up = append(l.boxes[lower].up, upper)
	}
	l.chains = append(l.chains, c)
	return true
}

// backEdges tells which arrows lead back to a node on the way to them, in a depth-first walk from the first
// node on.
func backEdges(nodes int, arrows []arrow) []bool {
	out := make([][]int, nodes)
	for i, a := range arrows {
		out[a.from] = append(out[a.from], i)
	}
	back := make([]bool, len(arrows))
	const (
		open   = 1
		closed = 2
	)
	state := make([]int, nodes)
	next := make([]int, nodes)
	for root := range nodes {
		if state[root] != 0 {
			continue
		}
		state[root] = open
		for path := []int{root}; len(path) > 0; {
			at := path[len(path)-1]
			if next[at] == len(out[at]) {
				state[at] = closed
				path = path[:len(path)-1]
				continue
			}
			i := out[at][next[at]]
			next[at]++
			switch to := arrows[i].to; state[to] {
			case open:
				back[i] = true
			case 0:
				state[to] = open
				path = append(path, to)
			}
		}
	}
	return back
}

// longestPaths returns each node's rank: the longest way to it. The ends of parsing are on the last rank.
func longestPaths(g *Graph, arrows []arrow, back []bool) []int {
	rank := make([]int, len(g.Nodes))
	degree := make([]int, len(g.Nodes))
	out := make([][]int, len(g.Nodes))
	for i, a := range arrows {
		from, to := a.from, a.to
		if back[i] {
			from, to = to, from
		}
		out[from] = append(out[from], to)
		degree[to]++
	}
	var ready []int
	for i, d := range degree {
		if d == 0 {
			ready = append(ready, i)
		}
	}
	last := 0
	for len(ready) > 0 {
		at := ready[0]
		ready = ready[1:]
		last = max(last, rank[at])
		for _, to := range out[at] {
			rank[to] = max(rank[to], rank[at]+1)
			if degree[to]--; degree[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	for i, n := range g.Nodes {
		if (n.Kind == Accept || n.Kind == Reject) && len(out[i]) == 0 {
			rank[i] = last
		}
	}
	return rank
}
