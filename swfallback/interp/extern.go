package interp

import (
	"fmt"
	"math/big"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// register is an array of numbers of one width (v1model "register").
type register struct {
	model *pipeline.Register
	elems []value
}

// write truncates v to the register's width; an index past the end leaves the array alone.
func (r *register) write(index, v value) {
	i, ok := index.index(len(r.elems))
	if !ok {
		return
	}
	if r.model.Signed {
		r.elems[i] = twoComplement(v, small(int64(r.model.Width)))
		return
	}
	r.elems[i] = truncate(v, r.model.Width)
}

func (c *compiler) register(r *pipeline.Register) (*register, error) {
	if r == nil {
		return nil, fmt.Errorf("resolve register: %w", errNilReference)
	}
	if err := within("register", r.Index, c.sw.registers); err != nil {
		return nil, err
	}
	return c.sw.registers[r.Index], nil
}

// counter is an array of counters (v1model "counter"). Packets and bytes are both counted always; the bytes
// are those of the packet as it came in.
type counter struct {
	model *pipeline.Counter
	elems []pipeline.Count
}

func (c *compiler) counter(m *pipeline.Counter) (*counter, error) {
	if m == nil {
		return nil, fmt.Errorf("resolve counter: %w", errNilReference)
	}
	if err := within("counter", m.Index, c.sw.counters); err != nil {
		return nil, err
	}
	return c.sw.counters[m.Index], nil
}

// meterArray is an array of meters (v1model "meter").
type meterArray struct {
	model *pipeline.Meter
	elems []meter
}

func (c *compiler) meterArray(m *pipeline.Meter) (*meterArray, error) {
	if m == nil {
		return nil, fmt.Errorf("resolve meter: %w", errNilReference)
	}
	if err := within("meter", m.Index, c.sw.meters); err != nil {
		return nil, err
	}
	return c.sw.meters[m.Index], nil
}

// Colours of a packet behind a meter (v1model "MeterColor").
const (
	green  = 0
	yellow = 1
	red    = 2
)

// meter is one two rate three colour marker.
type meter struct {
	rates           *pipeline.MeterRates // nil: not configured
	committed, peak float64              // tokens Tc and Tp
	last            time.Time
}

// configure fills both buckets (RFC 2698, section 3).
func (m *meter) configure(r *pipeline.MeterRates, now time.Time) {
	*m = meter{rates: r, last: now}
	if r != nil {
		m.committed, m.peak = float64(r.CommittedBurst), float64(r.PeakBurst)
	}
}

// mark takes size tokens and returns the colour (RFC 2698, section 3, colour-blind mode).
func (m *meter) mark(now time.Time, size float64) int64 {
	if m.rates == nil {
		return green
	}
	if d := now.Sub(m.last).Seconds(); d > 0 {
		m.committed = min(m.committed+d*m.rates.Committed, float64(m.rates.CommittedBurst))
		m.peak = min(m.peak+d*m.rates.Peak, float64(m.rates.PeakBurst))
		m.last = now
	}
	switch {
	case m.peak < size:
		return red
	case m.committed < size:
		m.peak -= size
		return yellow
	}
	m.peak -= size
	m.committed -= size
	return green
}

// makeExterns makes the program's registers, counters and meters. The arrays of direct counters and meters
// are empty: each entry holds its own.
func (sw *Switch) makeExterns(p *pipeline.Program) error {
	for _, r := range p.Registers {
		if r.Size < 0 || r.Width <= 0 {
			return fmt.Errorf("make register %s of %d times %d bits: %w", r.Name, r.Size, r.Width, pipeline.ErrBadRange)
		}
		sw.registers = append(sw.registers, &register{r, make([]value, r.Size)})
	}
	for _, m := range p.Counters {
		c := &counter{model: m}
		if m.Table == nil {
			c.elems = make([]pipeline.Count, max(m.Size, 0))
		}
		sw.counters = append(sw.counters, c)
	}
	for _, m := range p.Meters {
		a := &meterArray{model: m}
		if m.Table == nil {
			a.elems = make([]meter, max(m.Size, 0))
		}
		sw.meters = append(sw.meters, a)
	}
	return nil
}

// ReadRegister returns one element. ErrBadRange: no such element.
func (sw *Switch) ReadRegister(r *pipeline.Register, index int) (*big.Int, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	reg, err := sw.registerElem(r, index)
	if err != nil {
		return nil, fmt.Errorf("interp: read register: %w", err)
	}
	return new(big.Int).Set(reg.elems[index].int()), nil
}

// WriteRegister sets one element to v, truncated to the register's width. ErrBadRange: no such element.
func (sw *Switch) WriteRegister(r *pipeline.Register, index int, v *big.Int) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	reg, err := sw.registerElem(r, index)
	if err != nil {
		return fmt.Errorf("interp: write register: %w", err)
	}
	reg.write(small(int64(index)), wide(new(big.Int).Set(v)))
	return nil
}

func (sw *Switch) registerElem(r *pipeline.Register, index int) (*register, error) {
	if r == nil || r.Index >= len(sw.registers) || sw.registers[r.Index].model != r {
		return nil, fmt.Errorf("%w: register", pipeline.ErrNoObject)
	}
	reg := sw.registers[r.Index]
	if index < 0 || index >= len(reg.elems) {
		return nil, fmt.Errorf("%s[%d]: %w", r.Name, index, pipeline.ErrBadRange)
	}
	return reg, nil
}

// ReadCounter returns one element of an array. Direct counters are read with Entries. ErrBadRange: no such
// element.
func (sw *Switch) ReadCounter(m *pipeline.Counter, index int) (pipeline.Count, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	c, err := sw.counterElem(m, index)
	if err != nil {
		return pipeline.Count{}, fmt.Errorf("interp: read counter: %w", err)
	}
	return *c, nil
}

// WriteCounter sets one element of an array. ErrBadRange: no such element.
func (sw *Switch) WriteCounter(m *pipeline.Counter, index int, count pipeline.Count) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	c, err := sw.counterElem(m, index)
	if err != nil {
		return fmt.Errorf("interp: write counter: %w", err)
	}
	*c = count
	return nil
}

func (sw *Switch) counterElem(m *pipeline.Counter, index int) (*pipeline.Count, error) {
	if m == nil || m.Index >= len(sw.counters) || sw.counters[m.Index].model != m {
		return nil, fmt.Errorf("%w: counter", pipeline.ErrNoObject)
	}
	c := sw.counters[m.Index]
	if index < 0 || index >= len(c.elems) {
		return nil, fmt.Errorf("%s[%d]: %w", m.Name, index, pipeline.ErrBadRange)
	}
	return &c.elems[index], nil
}

// SetMeterRates configures one element of an array of meters; nil rates: green for every packet again.
func (sw *Switch) SetMeterRates(m *pipeline.Meter, index int, rates *pipeline.MeterRates) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	if m == nil || m.Index >= len(sw.meters) || sw.meters[m.Index].model != m {
		return fmt.Errorf("interp: set meter rates: %w", pipeline.ErrNoObject)
	}
	a := sw.meters[m.Index]
	if index < 0 || index >= len(a.elems) {
		return fmt.Errorf("interp: set meter rates: %s[%d]: %w", m.Name, index, pipeline.ErrBadRange)
	}
	return sw.configureMeter(&a.elems[index], rates)
}

// SetDirectMeterRates configures the meter of the entry that e names by table, match and priority.
func (sw *Switch) SetDirectMeterRates(e *pipeline.Entry, rates *pipeline.MeterRates) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	t, held, err := sw.heldEntry(e)
	if err != nil {
		return fmt.Errorf("interp: set meter rates: %w", err)
	}
	if t.model.Meter == nil {
		return fmt.Errorf("interp: set meter rates: table %s has no meter: %w", t.model.Name, pipeline.ErrNoObject)
	}
	return sw.configureMeter(&held.meter, rates)
}

// MeterRates returns the rates of one element of an array of meters; nil: it has none.
func (sw *Switch) MeterRates(m *pipeline.Meter, index int) (*pipeline.MeterRates, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	if m == nil || m.Index >= len(sw.meters) || sw.meters[m.Index].model != m {
		return nil, fmt.Errorf("interp: read meter rates: %w", pipeline.ErrNoObject)
	}
	a := sw.meters[m.Index]
	if index < 0 || index >= len(a.elems) {
		return nil, fmt.Errorf("interp: read meter rates: %s[%d]: %w", m.Name, index, pipeline.ErrBadRange)
	}
	return a.elems[index].copyRates(), nil
}

// DirectMeterRates returns the rates of the meter of the entry that e names by table, match and priority; nil: it has
// none.
func (sw *Switch) DirectMeterRates(e *pipeline.Entry) (*pipeline.MeterRates, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	t, held, err := sw.heldEntry(e)
	if err != nil {
		return nil, fmt.Errorf("interp: read meter rates: %w", err)
	}
	if t.model.Meter == nil {
		return nil, fmt.Errorf("interp: read meter rates: table %s has no meter: %w", t.model.Name, pipeline.ErrNoObject)
	}
	return held.meter.copyRates(), nil
}

func (m *meter) copyRates() *pipeline.MeterRates {
	if m.rates == nil {
		return nil
	}
	r := *m.rates
	return &r
}

func (sw *Switch) configureMeter(m *meter, rates *pipeline.MeterRates) error {
	if rates != nil {
		if err := rates.Check(); err != nil {
			return fmt.Errorf("interp: set meter rates: %w", err)
		}
		r := *rates
		rates = &r
	}
	m.configure(rates, sw.opts.Now())
	return nil
}
