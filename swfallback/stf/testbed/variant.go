package testbed

import (
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// Variant is one of the ways in which a program runs in eBPF. All of them do the same. The zero value is what p4dev
// does by itself.
type Variant struct {
	Form      bpfgen.Form // how it is compiled
	PlainMaps bool        // tables lie in the kernel's own types of maps
	// Specialised has the program specialised for what its tables hold before every packet, where it can be.
	Specialised bool
}

// String returns the form, and "plain maps" and "specialised" where that is so.
func (v Variant) String() string {
	s := v.Form.String()
	if v.PlainMaps {
		s += ", plain maps"
	}
	if v.Specialised {
		s += ", specialised"
	}
	return s
}

// set makes a configuration that of the variant. In general form packets remember what they found in the smallest
// tables too, so that both ways are tried.
func (v Variant) set(c *swfallback.Config) {
	c.Options.Form, c.PlainMaps = v.Form, v.PlainMaps
	if v.Form == bpfgen.FormGeneral {
		c.Options.CacheAbove = 1
	}
}

// variantOf takes turns, so that all variants of a program are tried.
func variantOf(number uint64) Variant {
	turns := [...]Variant{{}, {Form: bpfgen.FormGeneral}, {Specialised: true}, {PlainMaps: true},
		{Form: bpfgen.FormGeneral, PlainMaps: true}, {Specialised: true}}
	return turns[number%uint64(len(turns))]
}
