package p4rt

import (
	"fmt"
	"math/big"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// CounterWriter is implemented by a Target whose counters can be set. Without it a write of a CounterEntry is
// UNIMPLEMENTED.
type CounterWriter interface {
	WriteCounter(*pipeline.Counter, int, pipeline.Count) error
}

// Registrar is implemented by a Target whose registers can be read and written. Without it RegisterEntry is
// UNIMPLEMENTED.
type Registrar interface {
	ReadRegister(*pipeline.Register, int) (*big.Int, error)
	WriteRegister(*pipeline.Register, int, *big.Int) error
}

// Metered is implemented by a Target whose meters can be configured. Without it MeterEntry and DirectMeterEntry are
// UNIMPLEMENTED.
type Metered interface {
	SetMeterRates(*pipeline.Meter, int, *pipeline.MeterRates) error
	MeterRates(*pipeline.Meter, int) (*pipeline.MeterRates, error)
	SetDirectMeterRates(*pipeline.Entry, *pipeline.MeterRates) error
	DirectMeterRates(*pipeline.Entry) (*pipeline.MeterRates, error)
}

// notModify is the error of another update of something that can only be modified.
func notModify(op p4v1.Update_Type) error { return badRequest("%v of what can only be modified", op) }

// part returns the target as one with more methods, or UNIMPLEMENTED.
func part[T any](s *Server, what string) (T, error) {
	p, ok := s.target.(T)
	if !ok {
		return p, unsupported(what)
	}
	return p, nil
}

// indices returns the elements that an index names: all of size where it is not set ("Wildcard Reads").
func indices(what string, index *p4v1.Index, size int) (from, to int, err error) {
	switch n := index.GetIndex(); {
	case index == nil:
		return 0, size, nil
	case n < 0:
		return 0, 0, badRequest("index %d of %s", n, what)
	case n >= int64(size):
		return 0, 0, fmt.Errorf("index %d of %s: %w", n, what, pipeline.ErrBadRange)
	default:
		return int(n), int(n) + 1, nil
	}
}

// byID finds the object of an id among those that P4Runtime can reach.
func byID[T any](list []T, id uint32, idOf func(T) uint32, what string) (found T, err error) {
	for _, o := range list {
		if id != 0 && idOf(o) == id {
			return o, nil
		}
	}
	return found, badRequest("%s id %#x does not exist", what, id)
}

// counter sets elements of an array: the one with the index, or all.
func (w *writer) counter(op p4v1.Update_Type, e *p4v1.CounterEntry) error {
	target, err := part[CounterWriter](w.server, "write of a counter")
	if err != nil {
		return err
	}
	c := w.schema.counters[e.GetCounterId()]
	switch {
	case op != p4v1.Update_MODIFY:
		return notModify(op)
	case c == nil:
		return badRequest("counter id %#x does not exist", e.GetCounterId())
	case e.GetData() == nil:
		return badRequest("counter %s without data", c.Name)
	}
	from, to, err := indices("counter "+c.Name, e.GetIndex(), c.Size)
	for i := from; i < to && err == nil; i++ {
		err = target.WriteCounter(c, i, pipeline.Count{
			Packets: uint64(e.GetData().GetPacketCount()), Bytes: uint64(e.GetData().GetByteCount())})
	}
	return err
}

func registerID(r *pipeline.Register) uint32 { return r.ID }

// register sets elements of an array of registers: the one with the index, or all.
func (w *writer) register(op p4v1.Update_Type, e *p4v1.RegisterEntry) error {
	target, err := part[Registrar](w.server, "write of a register")
	if err != nil {
		return err
	}
	r, err := byID(w.schema.program.Registers, e.GetRegisterId(), registerID, "register")
	switch {
	case err != nil:
		return err
	case op != p4v1.Update_MODIFY:
		return notModify(op)
	case e.GetData().GetData() == nil:
		return badRequest("register %s without data", r.Name)
	}
	if _, ok := e.GetData().GetData().(*p4v1.P4Data_Bitstring); !ok {
		return badRequest("register %s holds bit strings", r.Name)
	}
	value, err := widen(e.GetData().GetBitstring(), r.Width)
	if err != nil {
		return fmt.Errorf("register %s: %w", r.Name, err)
	}
	from, to, err := indices("register "+r.Name, e.GetIndex(), r.Size)
	for i := from; i < to && err == nil; i++ {
		err = target.WriteRegister(r, i, new(big.Int).SetBytes(value))
	}
	return err
}

// registers follows "RegisterEntry": one element, a whole array, or all arrays.
func (r *reader) registers(q *p4v1.RegisterEntry) error {
	target, err := part[Registrar](r.server, "read of a register")
	if err != nil {
		return err
	}
	if q.GetRegisterId() == 0 {
		if q.GetIndex() != nil {
			return badRequest("index without a register")
		}
		for _, reg := range r.schema.program.Registers {
			if reg.ID == 0 {
				continue
			}
			if err := r.registerRange(target, reg, 0, reg.Size); err != nil {
				return err
			}
		}
		return nil
	}
	reg, err := byID(r.schema.program.Registers, q.GetRegisterId(), registerID, "register")
	if err != nil {
		return err
	}
	from, to, err := indices("register "+reg.Name, q.GetIndex(), reg.Size)
	if err != nil {
		return err
	}
	return r.registerRange(target, reg, from, to)
}

func (r *reader) registerRange(target Registrar, reg *pipeline.Register, from, to int) error {
	modulus := new(big.Int).Lsh(big.NewInt(1), uint(reg.Width))
	for i := from; i < to; i++ {
		v, err := target.ReadRegister(reg, i)
		if err != nil {
			return err
		}
		bits := new(big.Int).Mod(v, modulus).Bytes() // two's complement
		r.add(&p4v1.Entity{Entity: &p4v1.Entity_RegisterEntry{RegisterEntry: &p4v1.RegisterEntry{
			RegisterId: reg.ID, Index: &p4v1.Index{Index: int64(i)},
			Data: &p4v1.P4Data{Data: &p4v1.P4Data_Bitstring{Bitstring: canonical(bits)}}}}})
	}
	return nil
}
