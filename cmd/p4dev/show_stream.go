package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// jsonStream writes {KEY: {NAME: ELEMENT, ...}} or {KEY: {NAME: [ELEMENT, ...], ...}} while the elements come, indented as
// printJSON does. Nothing is written before the first element or close.
type jsonStream struct {
	out  io.Writer
	key  string
	list string // the list that is open; "": none
	some bool   // an element was begun
	buf  []byte // not yet written
}

// streamChunk is how much is written at once, in bytes.
const streamChunk = 64 << 10

// member makes the buffer ready for an element of a name; lines of it that are not the first are indented by four spaces.
func (s *jsonStream) member(name string) {
	switch {
	case !s.some:
		s.buf = append(append(append(s.buf, "{\n  "...), jsonText(s.key, "")...), ": {"...)
	case s.list != "":
		s.buf = append(s.buf, "\n    ],"...)
	default:
		s.buf = append(s.buf, ',')
	}
	s.some, s.list = true, ""
	s.buf = append(appendQuoted(append(s.buf, "\n    "...), name), ": "...)
}

// listed makes the buffer ready for one more element of a list; lines of it that are not the first are indented by six
// spaces.
func (s *jsonStream) listed(list string) {
	if s.list == list {
		s.buf = append(s.buf, ",\n      "...)
		return
	}
	s.member(list)
	s.list = list
	s.buf = append(s.buf, "[\n      "...)
}

// indent appends a JSON value with indentation; lines that are not the first begin with the prefix.
func (s *jsonStream) indent(value []byte, prefix string) error {
	b := bytes.NewBuffer(s.buf)
	err := json.Indent(b, value, prefix, "  ")
	s.buf = b.Bytes()
	return err
}

// end follows an element.
func (s *jsonStream) end() error {
	if len(s.buf) < streamChunk {
		return nil
	}
	return s.flush()
}

func (s *jsonStream) flush() error {
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

// close writes what is left. An object without elements is whole as well.
func (s *jsonStream) close() error {
	switch {
	case !s.some:
		s.buf = append(append(append(s.buf, "{\n  "...), jsonText(s.key, "")...), ": {}\n}\n"...)
	case s.list != "":
		s.buf = append(s.buf, "\n    ]\n  }\n}\n"...)
	default:
		s.buf = append(s.buf, "\n  }\n}\n"...)
	}
	return s.flush()
}

// stream shows a section of one device, or of all, as JSON while it is read. After an error the JSON is not complete,
// except that of a device that goes away while all are shown.
func (a *app) stream(ctx context.Context, sec section, c *devlink.Client, h devlink.Handle, name string) error {
	s := &jsonStream{out: a.out, key: sec.key}
	if !h.IsZero() {
		if err := sec.stream(ctx, s, c, h, name); err != nil {
			return errors.Join(err, s.flush())
		}
		return s.close()
	}
	devices, err := c.Devices(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(devices, func(x, y devlink.Device) int { return strings.Compare(x.Handle.String(), y.Handle.String()) })
	for _, d := range devices {
		err := sec.stream(ctx, s, c, d.Handle, name)
		if err != nil && !absent(err) && !errors.Is(err, devlink.ErrDeviceGone) {
			return errors.Join(err, s.flush())
		}
	}
	if name != "" && !s.some {
		return fmt.Errorf("no device has %q: %w", name, errMissing)
	}
	return s.close()
}
