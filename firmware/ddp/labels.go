package ddp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Label is the name of an entry of a table.
type Label struct {
	Value uint16
	Name  string
}

// Labels are the labels of one table, in the order of the package.
type Labels []Label

const labelSize = 66

// Name returns the first name of a value; "" where it has none.
func (l Labels) Name(value int) string {
	for i := range l {
		if int(l[i].Value) == value {
			return l[i].Name
		}
	}
	return ""
}

// Value returns the first value with a name, and whether there is one.
func (l Labels) Value(name string) (int, bool) {
	i := slices.IndexFunc(l, func(x Label) bool { return x.Name == name })
	if i < 0 {
		return 0, false
	}
	return int(l[i].Value), true
}

// Labels reads the labels of a type. Sections of other shapes than value and name of 64 bytes are an error.
func (s *Segment) Labels(t SectionType) (Labels, error) {
	var list Labels
	for _, sec := range s.sections(t) {
		data := sec.Data
		if len(data) < 2 {
			return nil, sec.short("label count")
		}
		n := int(binary.LittleEndian.Uint16(data))
		if 2+n*labelSize > len(data) {
			return nil, sec.short(fmt.Sprintf("%d labels", n))
		}
		for i := range n {
			e := data[2+i*labelSize:][:labelSize]
			list = append(list, Label{binary.LittleEndian.Uint16(e), zeroEnded(e[2:])})
		}
	}
	return list, nil
}

var errShort = errors.New("section is too short for its contents")

// short is the error of a section that ends too early.
func (sec *Section) short(what string) error {
	return &FormatError{Offset: sec.Offset, Section: sec.Type.String() + ": " + what, Err: fmt.Errorf("%w: %d bytes", errShort, len(sec.Data))}
}
