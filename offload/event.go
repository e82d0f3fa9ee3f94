package offload

import (
	"context"
	"log/slog"
	"time"
)

// Event is something that happened: GateChanged, Placed, DefaultPlaced, LoadStep or Trouble.
type Event interface {
	// Log returns level, message and attributes for a structured log.
	Log() (slog.Level, string, []slog.Attr)
}

// GateChanged reports that the gate has another state than before.
type GateChanged struct{ Old, New Gate }

// Log implements Event.
func (e GateChanged) Log() (slog.Level, string, []slog.Attr) {
	level := slog.LevelInfo
	if e.Old.Open() && !e.New.Open() {
		level = slog.LevelWarn
	}
	return level, "gate changed", []slog.Attr{slog.String("device", e.New.Device), slog.String("from", e.Old.State.String()),
		slog.String("to", e.New.State.String()), slog.String("reason", e.New.Reason)}
}

// Placed reports that entries of a table went into hardware or out of it.
type Placed struct {
	Table    string
	Entries  int
	Hardware bool // into hardware
}

// Log implements Event.
func (e Placed) Log() (slog.Level, string, []slog.Attr) {
	return slog.LevelDebug, "entries placed", []slog.Attr{slog.String("table", e.Table), slog.Int("entries", e.Entries),
		slog.Bool("hardware", e.Hardware)}
}

// DefaultPlaced reports that a table's default entry went into hardware, which makes the table complete there, or
// was taken back.
type DefaultPlaced struct {
	Table    string
	Hardware bool
}

// Log implements Event.
func (e DefaultPlaced) Log() (slog.Level, string, []slog.Attr) {
	return slog.LevelDebug, "default entry placed", []slog.Attr{slog.String("table", e.Table),
		slog.Bool("hardware", e.Hardware)}
}

// LoadStep reports progress of a load. Done and Total are in units of the driver's choice, 0 where there are
// none.
type LoadStep struct {
	Step      Step
	Component string // that the device reports on; "": it does not say
	Message   string
	Done      uint64
	Total     uint64
	Timeout   time.Duration // that the driver announces for what it does now; 0: none
}

// Log implements Event.
func (e LoadStep) Log() (slog.Level, string, []slog.Attr) {
	attrs := []slog.Attr{slog.String("step", string(e.Step)), slog.String("message", e.Message)}
	if e.Component != "" {
		attrs = append(attrs, slog.String("component", e.Component))
	}
	if e.Timeout > 0 {
		attrs = append(attrs, slog.Duration("timeout", e.Timeout))
	}
	if e.Total > 0 {
		attrs = append(attrs, slog.Uint64("done", e.Done), slog.Uint64("total", e.Total))
	}
	return slog.LevelInfo, "load", attrs
}

// Trouble reports a fault that did not make the call fail.
type Trouble struct {
	What string
	Err  error
}

// Log implements Event.
func (e Trouble) Log() (slog.Level, string, []slog.Attr) {
	return slog.LevelWarn, e.What, []slog.Attr{slog.Any("error", e.Err)}
}

// LogEvents returns an observer that writes every event to a log.
func LogEvents(log *slog.Logger) func(Event) {
	return func(e Event) {
		level, message, attrs := e.Log()
		log.LogAttrs(context.Background(), level, message, attrs...)
	}
}
