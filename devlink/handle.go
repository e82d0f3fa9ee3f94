package devlink

import (
	"errors"
	"fmt"
	"strings"
)

// A Handle names a devlink instance: the bus its device sits on and the device's name there. The zero Handle names
// none; where a method filters by Handle, the zero Handle means every device.
type Handle struct {
	// Bus is the bus name, such as "pci", "platform" or "netdevsim".
	Bus string
	// Dev is the device name on that bus, such as "0000:01:00.0". It may contain slashes.
	Dev string
}

// errHandle is the cause of every error from ParseHandle.
var errHandle = errors.New("want BUS/DEVICE")

// ParseHandle reads the form that String writes, "pci/0000:01:00.0". The bus ends at the first slash.
func ParseHandle(s string) (Handle, error) {
	bus, dev, ok := strings.Cut(s, "/")
	if !ok || bus == "" || dev == "" || strings.ContainsRune(s, 0) {
		return Handle{}, fmt.Errorf("devlink: parse handle %q: %w", s, errHandle)
	}
	return Handle{Bus: bus, Dev: dev}, nil
}

// String returns BUS/DEVICE, or "" for the zero Handle.
func (h Handle) String() string {
	if h.IsZero() {
		return ""
	}
	return h.Bus + "/" + h.Dev
}

// IsZero reports whether h names no device.
func (h Handle) IsZero() bool { return h == Handle{} }

// MarshalText implements encoding.TextMarshaler with the form of String, so that handles can be JSON strings and keys.
func (h Handle) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; empty text gives the zero Handle.
func (h *Handle) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*h = Handle{}
		return nil
	}
	parsed, err := ParseHandle(string(text))
	if err == nil {
		*h = parsed
	}
	return err
}
