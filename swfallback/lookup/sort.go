package lookup

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	digitBits = 11
	digits    = 1 << digitBits
	fewToSort = 128 // for so few the counts of digits are not worth while
)

// sortPrefixes sorts by key, the shorter one of two with the same bits first; among equals the order stays. spare is at
// least as long.
//
// Prefixes are sorted by the first 22 bits in which any two of them differ, digit by digit, and those that are still the
// same then in the same way.
func sortPrefixes(list, spare []Prefix) {
	if len(list) <= fewToSort {
		sortFew(list)
		return
	}
	high, low := uint64(0), uint64(0) // bits that differ
	for i := range list {
		high |= list[i].Key.High ^ list[0].Key.High
		low |= list[i].Key.Low ^ list[0].Key.Low
	}
	first := bits.LeadingZeros64(high)
	if high == 0 {
		first = 64 + bits.LeadingZeros64(low)
	}
	if first == 128 {
		slices.SortStableFunc(list, comparePrefixes)
		return
	}
	sortDigits(list, spare, first)
	sortRuns(list, spare, first)
}

// sortDigits sorts by the two digits from a bit on.
func sortDigits(list, spare []Prefix, first int) {
	var upper, lower [digits]uint32 // how many have a digit, and then where the next one of them belongs
	for i := range list {
		d := twoDigits(&list[i], first)
		upper[d>>digitBits]++
		lower[d%digits]++
	}
	u, l := uint32(0), uint32(0)
	for i := range digits {
		upper[i], u = u, u+upper[i]
		lower[i], l = l, l+lower[i]
	}
	for i := range list {
		next := &lower[twoDigits(&list[i], first)%digits]
		spare[*next] = list[i]
		*next++
	}
	for i := range list {
		next := &upper[twoDigits(&spare[i], first)>>digitBits]
		list[*next] = spare[i]
		*next++
	}
}

// twoDigits returns the bits of a key that sortDigits sorts by.
func twoDigits(p *Prefix, first int) uint64 { return p.Key.from(first) >> (64 - 2*digitBits) }

// sortRuns sorts the prefixes that sortDigits could not tell apart.
func sortRuns(list, spare []Prefix, first int) {
	for i := 0; i < len(list); {
		d, j := twoDigits(&list[i], first), i+1
		for j < len(list) && twoDigits(&list[j], first) == d {
			j++
		}
		if j-i > 1 {
			sortPrefixes(list[i:j], spare)
		}
		i = j
	}
}

// sortFew is sortPrefixes for a few.
func sortFew(list []Prefix) {
	const fewest = 12
	if len(list) > fewest {
		slices.SortStableFunc(list, comparePrefixes)
		return
	}
	for i := 1; i < len(list); i++ {
		p, j := list[i], i
		for ; j > 0 && comparePrefixes(p, list[j-1]) < 0; j-- {
			list[j] = list[j-1]
		}
		list[j] = p
	}
}

// comparePrefixes is the order of sortPrefixes.
func comparePrefixes(a, b Prefix) int {
	if a.Key.High != b.Key.High {
		return cmp.Compare(a.Key.High, b.Key.High)
	}
	if a.Key.Low != b.Key.Low {
		return cmp.Compare(a.Key.Low, b.Key.Low)
	}
	return cmp.Compare(a.Length, b.Length)
}
