package graph

import "sort"

// reorder sorts the boxes of each rank by the mean position of their neighbours, downwards and upwards in
// turn, and keeps the order with the fewest crossings.
func (l *layered) reorder() {
	const rounds = 12
	best, fewest := l.copyRanks(), l.crossings()
	for round := range rounds {
		if fewest == 0 {
			break
		}
		if round%2 == 0 {
			for r := 1; r < len(l.ranks); r++ {
				l.sortRank(r, func(b *box) []int { return b.up })
			}
		} else {
			for r := len(l.ranks) - 2; r >= 0; r-- {
				l.sortRank(r, func(b *box) []int { return b.down })
			}
		}
		if n := l.crossings(); n < fewest {
			best, fewest = l.copyRanks(), n
		}
	}
	l.ranks = best
}

func (l *layered) copyRanks() [][]int {
	out := make([][]int, len(l.ranks))
	for i, r := range l.ranks {
		out[i] = append([]int(nil), r...)
	}
	return out
}

// positions returns each box's place in its rank.
func (l *layered) positions() []int {
	pos := make([]int, len(l.boxes))
	for _, rank := range l.ranks {
		for i, b := range rank {
			pos[b] = i
		}
	}
	return pos
}

func (l *layered) sortRank(r int, neighbours func(*box) []int) {
	pos := l.positionsOf(r-1, r, r+1)
	mean := map[int]float64{}
	for _, b := range l.ranks[r] {
		near := neighbours(&l.boxes[b])
		if len(near) == 0 {
			mean[b] = float64(pos[b])
			continue
		}
		sum := 0
		for _, other := range near {
			sum += pos[other]
		}
		mean[b] = float64(sum) / float64(len(near))
	}
	sort.SliceStable(l.ranks[r], func(i, j int) bool { return mean[l.ranks[r][i]] < mean[l.ranks[r][j]] })
}

// positionsOf is positions for some ranks only.
func (l *layered) positionsOf(ranks ...int) map[int]int {
	pos := map[int]int{}
	for _, r := range ranks {
		if r < 0 || r >= len(l.ranks) {
			continue
		}
		for i, b := range l.ranks[r] {
			pos[b] = i
		}
	}
	return pos
}

// crossings counts pairs of edges that cross.
func (l *layered) crossings() int {
	pos := l.positions()
	total := 0
	for _, rank := range l.ranks {
		// Lower ends in the order of the upper ones: each inversion is a crossing.
		var ends []int
		for _, b := range rank {
			start := len(ends)
			for _, d := range l.boxes[b].down {
				ends = append(ends, pos[d])
			}
			sort.Ints(ends[start:])
		}
		total += inversions(ends)
	}
	return total
}

// inversions counts the pairs of list that are in the wrong order, and sorts it.
func inversions(list []int) int {
	if len(list) < 2 {
		return 0
	}
	half := len(list) / 2
	left := append([]int(nil), list[:half]...)
	right := append([]int(nil), list[half:]...)
	n := inversions(left) + inversions(right)
	i, j := 0, 0
	for k := range list {
		if j == len(right) || i < len(left) && left[i] <= right[j] {
			list[k] = left[i]
			i++
		} else {
			list[k] = right[j]
			j++
			n += len(left) - i
		}
	}
	return n
}
