package lookup

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortPrefixes sorts lists whose keys differ in few bits and in many, at the top, at the bottom and in lengths alone.
func TestSortPrefixes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		n := random.IntN(40)
		if random.IntN(2) == 0 {
			n = random.IntN(5000)
		}
		masks := Key{random.Uint64() & random.Uint64() & random.Uint64(), random.Uint64() & random.Uint64()}
		switch random.IntN(4) {
		case 0:
			masks.High &= 0xffff
		case 1:
			masks.High = 0
		case 2:
			masks = Key{}
		}
		common, lengths := Key{random.Uint64(), random.Uint64()}, 1+random.Int32N(128)
		list := make([]Prefix, n)
		for i := range list {
			k := Key{common.High ^ random.Uint64()&masks.High, common.Low ^ random.Uint64()&masks.Low}
			if random.IntN(3) == 0 {
				k.Low = common.Low
			}
			list[i] = Prefix{k, random.Int32N(lengths), uint32(i)}
		}
		want := slices.Clone(list)
		slices.SortStableFunc(want, comparePrefixes)
		sortPrefixes(list, make([]Prefix, n))
		if !slices.Equal(list, want) {
			t.Fatalf("%d prefixes that differ in %x are not in order", n, masks)
		}
	}
}
