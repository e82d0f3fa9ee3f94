package graph

import "math"

// gap is the distance between neighbours in a rank, in pixels.
const gap = 24

// place gives every box its x: as near to the mean of its neighbours as the order of the rank allows.
func (l *layered) place() {
	for _, rank := range l.ranks {
		x := 0.0
		for _, b := range rank {
			box := &l.boxes[b]
			box.x = x + box.width/2
			x += box.width + gap
		}
	}
	const rounds = 60
	for round := range rounds {
		for i := range l.ranks {
			r := i
			if round%2 == 1 {
				r = len(l.ranks) - 1 - i
			}
			l.relax(l.ranks[r], round)
		}
	}
	left := math.Inf(1)
	for _, b := range l.boxes {
		left = math.Min(left, b.x-b.width/2)
	}
	for i := range l.boxes {
		l.boxes[i].x = math.Round(l.boxes[i].x - left)
	}
}

// relax moves the boxes of one rank. In even rounds the neighbours above count, in odd ones those below, and
// in the last ones both.
func (l *layered) relax(rank []int, round int) {
	want := make([]float64, len(rank))
	weight := make([]float64, len(rank))
	for i, b := range rank {
		box := &l.boxes[b]
		var near []int
		if round%2 == 0 || round >= 20 {
			near = append(near, box.up...)
		}
		if round%2 == 1 || round >= 20 {
			near = append(near, box.down...)
		}
		want[i], weight[i] = box.x, 0.01
		sum, total := 0.0, 0.0
		for _, other := range near {
			w := pull(box, &l.boxes[other])
			sum += w * l.boxes[other].x
			total += w
		}
		if total > 0 {
			want[i], weight[i] = sum/total, total
		}
	}
	l.settle(rank, want, weight)
}

// pull is how strongly two neighbours are to be in one column. Long edges are to be straight.
func pull(a, b *box) float64 {
	switch {
	case a.node < 0 && b.node < 0:
		return 8
	case a.node < 0 || b.node < 0:
		return 2
	}
	return 1
}

// settle puts the boxes of a rank where the squares of their distances from the wanted places, times the
// weights, are least while none comes nearer to its neighbour than the gap: isotonic regression by pooling
// adjacent violators.
func (l *layered) settle(rank []int, want, weight []float64) {
	type pool struct {
		sum, weight float64 // weighted sum of places, all shifted as if boxes had no width
		count       int
	}
	shift := make([]float64, len(rank))
	for i := 1; i < len(rank); i++ {
		shift[i] = shift[i-1] + l.boxes[rank[i-1]].width/2 + gap + l.boxes[rank[i]].width/2
	}
	var pools []pool
	for i := range rank {
		p := pool{sum: (want[i] - shift[i]) * weight[i], weight: weight[i], count: 1}
		for len(pools) > 0 {
			last := pools[len(pools)-1]
			if last.sum/last.weight <= p.sum/p.weight {
				break
			}
			p = pool{sum: p.sum + last.sum, weight: p.weight + last.weight, count: p.count + last.count}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	i := 0
	for _, p := range pools {
		for range p.count {
			l.boxes[rank[i]].x = p.sum/p.weight + shift[i]
			i++
		}
	}
}
