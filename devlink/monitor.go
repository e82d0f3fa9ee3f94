package devlink

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/mdlayher/netlink"
)

// An Event is one notification. Of the pointers at most one is set, by what the notification is about.
type Event struct {
	// Command is what happened, such as CmdPortNew. A health reporter's change of state comes as
	// CmdHealthReporterRecover.
	Command Command
	// Device is the device it happened to; zero where Lost.
	Device Handle
	// Deleted reports that the subject has gone rather than come or changed.
	Deleted bool
	// Lost reports that notifications were dropped at this place because they were not read fast enough: whoever keeps
	// a picture of the devices has to ask again.
	Lost bool

	DevLink *Device
	Port    *Port
	Region  *Region
	Param   *Param
	Health  *Reporter
	Flash   *FlashStatus
	Trap    *Trap
	Group   *TrapGroup
	Policer *TrapPolicer
	// Raw holds the attributes of every notification, also of those this package has no type for, in wire format.
	Raw []byte
}

// A Monitor follows the notifications of all devices. It is used by one goroutine at a time; Close may come from any.
type Monitor struct {
	c       *Client
	w       *wire
	family  uint16
	pending []Event
}

// Monitor subscribes to the notifications of all devices. What happens after it has returned is reported. The Monitor
// has to be closed.
func (c *Client) Monitor(ctx context.Context) (*Monitor, error) {
	w, err := c.subscribe(ctx)
	if err != nil {
		return nil, fmt.Errorf("devlink: monitor devices: %w", err)
	}
	return &Monitor{c: c, w: w, family: c.known().id}, nil
}

// subscribe opens an endpoint that receives notifications.
func (c *Client) subscribe(ctx context.Context) (*wire, error) {
	w, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	group := c.known().group
	if group == 0 {
		c.drop(w)
		return nil, fmt.Errorf("join group %s: %w", groupName, errors.ErrUnsupported)
	}
	if err := w.join(group); err != nil {
		c.drop(w)
		return nil, fmt.Errorf("join group %s: %w", groupName, err)
	}
	return w, nil
}

// Close ends the subscription, and a waiting Next with an error.
func (m *Monitor) Close() error {
	m.c.drop(m.w)
	return nil
}

// Events returns the notifications until the context ends, which is reported as the last error, or the loop is left.
func (m *Monitor) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, err := m.Next(ctx)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// Next waits for the next notification. A notification that cannot be decoded is an error matching ErrMalformed, after
// which Next can be called again; after any other error the Monitor is of no more use, except after the context's.
func (m *Monitor) Next(ctx context.Context) (Event, error) {
	for len(m.pending) == 0 {
		datagram, err := m.w.recv(ctx)
		if isLost(err) {
			return Event{Lost: true}, nil
		}
		if err == nil {
			m.pending, err = decodeEvents(datagram, m.family)
		}
		if err != nil {
			return Event{}, fmt.Errorf("devlink: monitor devices: %w", err)
		}
	}
	ev := m.pending[0]
	m.pending = m.pending[1:]
	return ev, nil
}

// decodeEvents reads a datagram of notifications.
func decodeEvents(datagram []byte, family uint16) ([]Event, error) {
	var events []Event
	for len(datagram) > 0 {
		m, rest, err := splitMessage(datagram)
		if err != nil {
			return nil, err
		}
		datagram = rest
		switch {
		case m.Header.Type == netlink.Overrun, isOverflow(m):
			events = append(events, Event{Lost: true})
		case m.Header.Type == netlink.HeaderType(family):
			cmd, attrs, err := splitGeneric(m.Data)
			if err != nil {
				return nil, err
			}
			ev, err := decodeEvent(cmd, attrs)
			if err != nil {
				return nil, err
			}
			events = append(events, ev)
		}
	}
	return events, nil
}

// isOverflow reports whether m is an error message that says ENOBUFS.
func isOverflow(m netlink.Message) bool {
	if m.Header.Type != netlink.Error {
		return false
	}
	a, err := decodeAck(m)
	return err == nil && a.errno == errnoENOBUFS
}

// decodeEvent reads one notification.
func decodeEvent(cmd Command, attrs []byte) (Event, error) {
	ev := Event{Command: cmd, Raw: attrs}
	var err error
	if ev.Device, err = decodeHandle(attrs); err != nil {
		return ev, err
	}
	switch cmd {
	case CmdDel, CmdPortDel, CmdRegionDel, CmdParamDel, CmdPortParamDel, CmdTrapDel, CmdTrapGroupDel,
		CmdTrapPolicerDel, CmdRateDel, CmdLinecardDel, CmdSbDel:
		ev.Deleted = true
	}
	switch cmd {
	case CmdNew, CmdDel:
		ev.DevLink, err = subject(attrs, decodeDevice)
	case CmdPortNew, CmdPortDel:
		ev.Port, err = subject(attrs, decodePort)
	case CmdRegionNew, CmdRegionDel:
		ev.Region, err = subject(attrs, decodeRegion)
	case CmdParamNew, CmdParamDel, CmdPortParamNew, CmdPortParamDel:
		ev.Param, err = subject(attrs, decodeParam)
	case CmdHealthReporterRecover:
		ev.Health, err = subject(attrs, decodeReporter)
	case CmdFlashUpdate, CmdFlashUpdateEnd, CmdFlashUpdateStatus:
		ev.Flash, err = subject(attrs, decodeFlashStatus)
	case CmdTrapNew, CmdTrapDel:
		ev.Trap, err = subject(attrs, decodeTrap)
	case CmdTrapGroupNew, CmdTrapGroupDel:
		ev.Group, err = subject(attrs, decodeTrapGroup)
	case CmdTrapPolicerNew, CmdTrapPolicerDel:
		ev.Policer, err = subject(attrs, decodeTrapPolicer)
	}
	return ev, err
}

// subject decodes and returns a pointer to the result.
func subject[T any](attrs []byte, decode func([]byte) (T, error)) (*T, error) {
	v, err := decode(attrs)
	if err != nil {
		return nil, err
	}
	return &v, nil
}
