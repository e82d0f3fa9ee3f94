package testbed

import (
	"context"
	"errors"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// specialising is a wire whose packets meet a program that is specialised for what its tables hold. Programs that cannot
// be are left as they are.
type specialising struct {
	stf.Wire
	target *swfallback.Fallback
	times  *int // how often there was something to do
}

// Send implements stf.Wire.
func (s specialising) Send(ctx context.Context, port uint32, packet []byte) error {
	done, err := s.target.Specialise(ctx)
	switch {
	case err == nil && !done.Again:
		*s.times++
	case err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, swfallback.ErrNothingKnown):
		return err
	}
	return s.Wire.Send(ctx, port, packet)
}

// specialise has a wire's packets meet a specialised program, if the variant says so.
func (v Variant) specialise(wire stf.Wire, f *swfallback.Fallback, times *int) stf.Wire {
	if !v.Specialised {
		return wire
	}
	return specialising{wire, f, times}
}
