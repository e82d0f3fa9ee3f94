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
}

// String returns the form, and "plain maps" where that is so.
func (v Variant) String() string {
	if v.PlainMaps {
		return v.Form.String() + ", plain maps"
	}
	return v.Form.String()
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
	forms := [...]bpfgen.Form{bpfgen.FormAuto, bpfgen.FormGeneral}
	return Variant{Form: forms[number%2], PlainMaps: number/2%2 == 1}
}
