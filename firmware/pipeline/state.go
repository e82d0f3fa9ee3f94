package pipeline

import (
	"errors"
	"fmt"
)

// ErrInUse says that an entry or a group still refers to a member or group that was to be removed.
var ErrInUse = errors.New("still in use")

// MeterRates configures one element of a Meter as a two-rate three-colour marker (RFC 2698): rates in packets or
// bytes per second, bursts in packets or bytes, as the Meter counts. A meter that is not configured marks green.
type MeterRates struct {
	Committed      float64 // CIR
	CommittedBurst uint64  // CBS
	Peak           float64 // PIR, at least Committed
	PeakBurst      uint64  // PBS
}

// Check reports rates that are negative, or a peak rate below the committed one. The error wraps ErrBadRange.
func (r MeterRates) Check() error {
	if !(r.Committed >= 0 && r.Peak >= r.Committed) {
		return fmt.Errorf("pipeline: check meter rates %v and %v: %w", r.Committed, r.Peak, ErrBadRange)
	}
	return nil
}
