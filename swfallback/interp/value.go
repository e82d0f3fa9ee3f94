package interp

import (
	"math"
	"math/big"
	"math/bits"
)

// value is an integer of any size and sign. BMv2 computes with such integers and truncates a result only
// when it is stored (BMv2 JSON 2.24, "expressions"); the compiler writes the masks that P4's own types ask
// for. Numbers that fit into an int64 never allocate.
type value struct {
	n   int64
	big *big.Int // set where the number does not fit into n; never modified once it is here
}

// maxShift bounds shifts: beyond it nothing of a field is left, and a left shift by a number out of a packet
// must not fill the memory.
const maxShift = 1 << 16

func small(n int64) value { return value{n: n} }

func unsigned(u uint64) value {
	if u <= math.MaxInt64 {
		return value{n: int64(u)}
	}
	return value{big: new(big.Int).SetUint64(u)}
}

func boolValue(b bool) value {
	if b {
		return value{n: 1}
	}
	return value{}
}

// wide makes a value of b, which the caller gives away.
func wide(b *big.Int) value {
	if b.IsInt64() {
		return value{n: b.Int64()}
	}
	return value{big: b}
}

// bigEndian reads an unsigned number.
func bigEndian(b []byte) value {
	if len(b) > 8 {
		return wide(new(big.Int).SetBytes(b))
	}
	var u uint64
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	return unsigned(u)
}

// int returns v as a big.Int that must not be modified.
func (v value) int() *big.Int {
	if v.big != nil {
		return v.big
	}
	return big.NewInt(v.n)
}

// uint64 returns the low 64 bits of v in two's complement.
func (v value) uint64() uint64 {
	if v.big == nil {
		return uint64(v.n)
	}
	mask := new(big.Int).SetUint64(math.MaxUint64)
	return mask.And(mask, v.big).Uint64()
}

func (v value) isZero() bool { return v.n == 0 && v.big == nil }

func (v value) sign() int {
	switch {
	case v.big != nil:
		return v.big.Sign()
	case v.n < 0:
		return -1
	case v.n > 0:
		return 1
	}
	return 0
}

// index returns v as an index into n elements; false if it is not one.
func (v value) index(n int) (int, bool) {
	if v.big != nil || v.n < 0 || v.n >= int64(n) {
		return 0, false
	}
	return int(v.n), true
}

func compare(x, y value) int {
	if x.big != nil || y.big != nil {
		return x.int().Cmp(y.int())
	}
	switch {
	case x.n < y.n:
		return -1
	case x.n > y.n:
		return 1
	}
	return 0
}

func add(x, y value) value {
	if x.big == nil && y.big == nil {
		if s := x.n + y.n; (s > x.n) == (y.n > 0) {
			return small(s)
		}
	}
	return wide(new(big.Int).Add(x.int(), y.int()))
}

func subtract(x, y value) value {
	if x.big == nil && y.big == nil {
		if d := x.n - y.n; (d < x.n) == (y.n > 0) {
			return small(d)
		}
	}
	return wide(new(big.Int).Sub(x.int(), y.int()))
}

func multiply(x, y value) value {
	if x.big == nil && y.big == nil && x.n >= 0 && y.n >= 0 {
		if hi, lo := bits.Mul64(uint64(x.n), uint64(y.n)); hi == 0 {
			return unsigned(lo)
		}
	}
	return wide(new(big.Int).Mul(x.int(), y.int()))
}

// divide rounds towards zero; P4_16 leaves division by zero open, here it gives 0 as in eBPF.
func divide(x, y value) value {
	switch {
	case y.isZero():
		return value{}
	case x.big == nil && y.big == nil && y.n != -1:
		return small(x.n / y.n)
	}
	return wide(new(big.Int).Quo(x.int(), y.int()))
}

// modulo has the sign of x; modulo zero gives x, as in eBPF.
func modulo(x, y value) value {
	switch {
	case y.isZero():
		return x
	case x.big == nil && y.big == nil && y.n != -1:
		return small(x.n % y.n)
	}
	return wide(new(big.Int).Rem(x.int(), y.int()))
}

func shiftLeft(x, y value) value {
	n, ok := y.index(maxShift)
	switch {
	case !ok || x.isZero():
		return value{}
	case x.big == nil && n < 63 && x.n >= 0 && bits.Len64(uint64(x.n))+n < 64:
		return small(x.n << n)
	}
	return wide(new(big.Int).Lsh(x.int(), uint(n)))
}

// shiftRight is arithmetic: a negative number goes towards -1.
func shiftRight(x, y value) value {
	n, ok := y.index(maxShift)
	if !ok {
		n = maxShift
	}
	if x.big == nil {
		return small(x.n >> min(n, 63))
	}
	return wide(new(big.Int).Rsh(x.big, uint(n)))
}

// The bit operations see a negative number as infinitely many leading ones.

func bitAnd(x, y value) value {
	if x.big == nil && y.big == nil {
		return small(x.n & y.n)
	}
	return wide(new(big.Int).And(x.int(), y.int()))
}

func bitOr(x, y value) value {
	if x.big == nil && y.big == nil {
		return small(x.n | y.n)
	}
	return wide(new(big.Int).Or(x.int(), y.int()))
}

func bitXor(x, y value) value {
	if x.big == nil && y.big == nil {
		return small(x.n ^ y.n)
	}
	return wide(new(big.Int).Xor(x.int(), y.int()))
}

func complement(x value) value {
	if x.big == nil {
		return small(^x.n)
	}
	return wide(new(big.Int).Not(x.big))
}

func negate(x value) value { return subtract(value{}, x) }

// twoComplement reads the low y bits of x as a signed number.
func twoComplement(x, y value) value {
	w, ok := y.index(maxShift)
	if !ok || w == 0 {
		return value{}
	}
	if x.big == nil && w <= 64 {
		return small(x.n << (64 - w) >> (64 - w))
	}
	one := big.NewInt(1)
	r := new(big.Int).And(x.int(), new(big.Int).Sub(new(big.Int).Lsh(one, uint(w)), one))
	if r.Bit(w-1) == 1 {
		r.Sub(r, new(big.Int).Lsh(one, uint(w)))
	}
	return wide(r)
}

// saturateUnsigned brings x into 0 .. 2^y-1.
func saturateUnsigned(x, y value) value {
	return clamp(x, value{}, subtract(shiftLeft(small(1), y), small(1)))
}

// saturateSigned brings x into -2^(y-1) .. 2^(y-1)-1.
func saturateSigned(x, y value) value {
	limit := shiftLeft(small(1), subtract(y, small(1)))
	return clamp(x, negate(limit), subtract(limit, small(1)))
}

func clamp(x, low, high value) value {
	switch {
	case compare(x, low) < 0:
		return low
	case compare(x, high) > 0:
		return high
	}
	return x
}

// truncate returns the low width bits of v as an unsigned number.
func truncate(v value, width int) value {
	if v.big == nil && v.n >= 0 && (width >= 63 || v.n>>width == 0) {
		return v
	}
	if width < 63 {
		return small(int64(v.uint64() & (1<<width - 1)))
	}
	mask := new(big.Int).Lsh(big.NewInt(1), uint(width))
	mask.Sub(mask, big.NewInt(1))
	return wide(mask.And(mask, v.int()))
}

// bytes returns the low width bits of v, big-endian, in (width+7)/8 bytes.
func (v value) bytes(width int) []byte {
	return truncate(v, width).int().FillBytes(make([]byte, (width+7)/8))
}
