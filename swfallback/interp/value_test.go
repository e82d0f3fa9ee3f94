package interp

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// genValue draws numbers around the limits of small numbers and of the widths of fields.
func genValue(t *rapid.T, name string) *big.Int {
	n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name))
	edge := new(big.Int).Lsh(big.NewInt(1), uint(rapid.SampledFrom([]int{0, 8, 31, 32, 62, 63, 64, 127, 128}).Draw(t, name+"Edge")))
	switch rapid.IntRange(0, 3).Draw(t, name+"Kind") {
	case 0:
		n = edge
	case 1:
		n = edge.Sub(edge, big.NewInt(1))
	case 2:
		n = edge.Add(edge, big.NewInt(int64(rapid.IntRange(-2, 2).Draw(t, name+"Off"))))
	}
	if rapid.Bool().Draw(t, name+"Sign") {
		n.Neg(n)
	}
	return n
}

func TestArithmetic(t *testing.T) {
	ops := map[string]struct {
		got  func(x, y value) value
		want func(z, x, y *big.Int) *big.Int
	}{
		"add":      {add, (*big.Int).Add},
		"subtract": {subtract, (*big.Int).Sub},
		"multiply": {multiply, (*big.Int).Mul},
		"and":      {bitAnd, (*big.Int).And},
		"or":       {bitOr, (*big.Int).Or},
		"xor":      {bitXor, (*big.Int).Xor},
		"divide": {divide, func(z, x, y *big.Int) *big.Int {
			if y.Sign() == 0 {
				return z
			}
			return z.Quo(x, y)
		}},
		"modulo": {modulo, func(z, x, y *big.Int) *big.Int {
			if y.Sign() == 0 {
				return x
			}
			return z.Rem(x, y)
		}},
	}
	for name, op := range ops {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			x, y := genValue(t, "x"), genValue(t, "y")
			got := op.got(wide(new(big.Int).Set(x)), wide(new(big.Int).Set(y)))
			want := op.want(new(big.Int), x, y)
			if got.int().Cmp(want) != 0 {
				t.Fatalf("%s(%v, %v) = %v, want %v", name, x, y, got.int(), want)
			}
			if got.big != nil && got.big.IsInt64() {
				t.Fatalf("%s(%v, %v) = %v is not kept small", name, x, y, got.int())
			}
		}))
	}
}

func TestShiftsAndCasts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := genValue(t, "x")
		n := rapid.IntRange(0, 200).Draw(t, "n")
		width := rapid.IntRange(1, 130).Draw(t, "width")
		v, by, w := wide(new(big.Int).Set(x)), small(int64(n)), small(int64(width))
		one := big.NewInt(1)
		modulus := new(big.Int).Lsh(one, uint(width))
		low := new(big.Int).Mod(x, modulus) // Euclidean: never negative
		signed := new(big.Int).Set(low)
		if low.Bit(width-1) == 1 {
			signed.Sub(low, modulus)
		}
		check := func(what string, got value, want *big.Int) {
			if got.int().Cmp(want) != 0 {
				t.Fatalf("%s of %v by %d, width %d: %v, want %v", what, x, n, width, got.int(), want)
			}
		}
		check("left shift", shiftLeft(v, by), new(big.Int).Lsh(x, uint(n)))
		check("right shift", shiftRight(v, by), new(big.Int).Rsh(x, uint(n)))
		check("truncation", truncate(v, width), low)
		check("two's complement", twoComplement(v, w), signed)
		check("bytes", bigEndian(v.bytes(width)), low)
		top := new(big.Int).Sub(modulus, one)
		check("unsigned saturation", saturateUnsigned(v, w), limit(x, new(big.Int), top))
		half := new(big.Int).Rsh(modulus, 1)
		check("signed saturation", saturateSigned(v, w), limit(x, new(big.Int).Neg(half), new(big.Int).Sub(half, one)))
	})
}

func limit(x, low, high *big.Int) *big.Int {
	switch {
	case x.Cmp(low) < 0:
		return low
	case x.Cmp(high) > 0:
		return high
	}
	return x
}

func TestShiftByTooMuch(t *testing.T) {
	huge := unsigned(1 << 40)
	if got := shiftLeft(small(1), huge); !got.isZero() {
		t.Errorf("1 << 2^40 = %v, want 0", got.int())
	}
	if got := shiftRight(small(-5), huge); got.n != -1 {
		t.Errorf("-5 >> 2^40 = %v, want -1", got.int())
	}
}

func TestBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		buf := rapid.SliceOfN(rapid.Byte(), 48, 48).Draw(t, "buf")
		off := rapid.IntRange(0, 100).Draw(t, "off")
		width := rapid.IntRange(1, 200).Draw(t, "width")
		bit := func(b []byte, i int) byte { return b[i/8] >> (7 - i%8) & 1 }
		want := new(big.Int)
		for i := range width {
			want.Lsh(want, 1).Or(want, big.NewInt(int64(bit(buf, off+i))))
		}
		if got := loadWide(buf, off, width); got.int().Cmp(want) != 0 {
			t.Fatalf("load %d bits at %d: %x, want %x", width, off, got.int(), want)
		}
		if got := appendBits(nil, buf, off, width); new(big.Int).SetBytes(got).Cmp(want) != 0 || len(got) != (width+7)/8 {
			t.Fatalf("append %d bits at %d: %x, want %x", width, off, got, want)
		}
		stored := append([]byte(nil), buf...)
		v := wide(genValue(t, "v"))
		storeWide(stored, off, width, v)
		if got := loadWide(stored, off, width); compare(got, truncate(v, width)) != 0 {
			t.Fatalf("store %v in %d bits at %d: %v", v.int(), width, off, got.int())
		}
		for i := range 8 * len(buf) {
			if (i < off || i >= off+width) && bit(stored, i) != bit(buf, i) {
				t.Fatalf("store %d bits at %d: bit %d changed", width, off, i)
			}
		}
	})
}

func TestBitString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOfN(rapid.Byte(), 40, 40).Draw(t, "src")
		s := bitString{buf: []byte{0xff, 0xff}}
		s.reset()
		want := ""
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			off, width := rapid.IntRange(0, 30).Draw(t, "off"), rapid.IntRange(0, 90).Draw(t, "width")
			s.append(src, off, width)
			for i := off; i < off+width; i++ {
				want += string('0' + rune(src[i/8]>>(7-i%8)&1))
			}
		}
		got := ""
		for i := range 8 * len(s.buf) {
			got += string('0' + rune(s.buf[i/8]>>(7-i%8)&1))
		}
		for len(want)%8 != 0 {
			want += "0"
		}
		if got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}
