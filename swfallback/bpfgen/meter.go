package bpfgen

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A MeterLayout is a map of meters: an ARRAY of values that AppendMeter writes. A value begins with a spin lock of the
// kernel, under which packets read and write it: user space must write it with BPF_F_LOCK.
type MeterLayout struct {
	Map       string
	Meter     *pipeline.Meter
	Len       int // elements
	ValueSize int // bytes
}

// Layout of a meter's value. The buckets are kept in fractions of a token: as many make a token as meterScale says.
// A rate is so many fractions in a microsecond, which is BMv2's tick; what a bucket gets in any number of them is exact.
const (
	meterLock  = 0 // struct bpf_spin_lock
	meterSet   = 4 // u32: 0 for a meter without rates, which marks green
	meterLast  = 8 // u64: when the buckets were filled last, in microseconds of CLOCK_MONOTONIC
	meterScale = 16
	meterCIR   = 24 // committed, then peak: bucket, rate, burst, and after how many microseconds it is full anyway
	meterPIR   = 56
	meterBytes = 88

	bucketTokens = 0
	bucketRate   = 8
	bucketBurst  = 16
	bucketFill   = 24
)

// Fractions of a token: millionths make whole rates per second exact, billionths every thousandth of one.
const (
	scaleWhole    = 1e6
	scaleFraction = 1e9
	// mostFractions bounds bucket and rate, so that bucket plus what comes in never overflows.
	mostFractions = 1 << 62
)

// AppendMeter appends the value of a meter with its buckets full to dst; nil rates: none. now is the time since boot
// in microseconds. Rates finer than a thousandth of a token per second are rounded, bursts of more than 2^62 fractions
// (4.6e12 tokens, or 4.6e9 where a rate is no whole number) cut off.
func AppendMeter(dst []byte, r *pipeline.MeterRates, now uint64) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, meterBytes)...)
	out := dst[start:]
	none := pipeline.MeterRates{CommittedBurst: math.MaxInt64, PeakBurst: math.MaxInt64}
	if r == nil {
		r = &none // green also for a packet that has seen the rates that were here before
	} else {
		le.PutUint32(out[meterSet:], 1)
	}
	scale := scaleWhole
	if r.Committed != math.Trunc(r.Committed) || r.Peak != math.Trunc(r.Peak) {
		scale = scaleFraction
	}
	le.PutUint64(out[meterLast:], now)
	le.PutUint64(out[meterScale:], uint64(scale))
	putBucket(out[meterCIR:], r.Committed, r.CommittedBurst, scale)
	putBucket(out[meterPIR:], r.Peak, r.PeakBurst, scale)
	return dst
}

func putBucket(out []byte, perSecond float64, burst uint64, scale float64) {
	rate := uint64(min(math.Round(perSecond*scale/1e6), mostFractions))
	size := uint64(mostFractions)
	if burst < mostFractions/uint64(scale) {
		size = burst * uint64(scale)
	}
	fill := uint64(math.MaxUint64)
	if rate > 0 {
		fill = (size + rate - 1) / rate
	}
	le.PutUint64(out[bucketTokens:], size)
	le.PutUint64(out[bucketRate:], rate)
	le.PutUint64(out[bucketBurst:], size)
	le.PutUint64(out[bucketFill:], fill)
}

// DecodeMeter returns the rates of AppendMeter, nil for none.
func DecodeMeter(value []byte) (*pipeline.MeterRates, error) {
	if len(value) < meterBytes {
		return nil, fmt.Errorf("bpfgen: decode meter: %d bytes, want %d", len(value), meterBytes)
	}
	if le.Uint32(value[meterSet:]) == 0 {
		return nil, nil
	}
	scale := le.Uint64(value[meterScale:])
	if scale == 0 {
		return nil, fmt.Errorf("bpfgen: decode meter: no scale")
	}
	bucket := func(at int) (float64, uint64) {
		rate, burst := le.Uint64(value[at+bucketRate:]), le.Uint64(value[at+bucketBurst:])
		return float64(rate) / float64(scale) * 1e6, burst / scale
	}
	r := &pipeline.MeterRates{}
	r.Committed, r.CommittedBurst = bucket(meterCIR)
	r.Peak, r.PeakBurst = bucket(meterPIR)
	return r, nil
}

// layMeters adds the maps of meters: arrays of the program, and those of tables by the slots of entries.
func (o *Object) layMeters(names *mapNames) {
	o.Meters = make(map[*pipeline.Meter]*MeterLayout)
	for _, m := range o.Program.Meters {
		l := &MeterLayout{Meter: m, Len: m.Size, ValueSize: meterBytes}
		if t := m.Table; t == nil {
			l.Map = names.of("q", m.Index, m.Name)
		} else if lay := o.Tables[t.Index]; lay != nil && lay.HasEntries() {
			l.Map, l.Len = names.of("p", t.Index, t.Name), lay.slots()+1
			lay.MeterMap = l.Map
		} else {
			continue
		}
		o.Meters[m] = l
		spec := o.addMap(l.Map, ebpf.Array, 4, l.ValueSize, max(1, l.Len), 0)
		spec.Key, spec.Value = meterTypes()
	}
}

// meterTypes describes keys and values to the kernel, which finds the lock by it.
func meterTypes() (key, value btf.Type) {
	u32 := &btf.Int{Name: "u32", Size: 4}
	lock := &btf.Struct{Name: "bpf_spin_lock", Size: 4, Members: []btf.Member{{Name: "val", Type: u32}}}
	rest := &btf.Array{Index: u32, Type: u32, Nelems: (meterBytes - meterSet) / 4}
	return u32, &btf.Struct{Name: "p4dev_meter", Size: meterBytes, Members: []btf.Member{
		{Name: "lock", Type: lock}, {Name: "state", Type: rest, Offset: 8 * meterSet}}}
}
