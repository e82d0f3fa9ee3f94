package parity

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A Rule is a kind of difference that is meant.
type Rule struct {
	// Path is where it is: names of members and elements, "*" for any one, "**" for any number of them, "A|B" for
	// either.
	Path string
	// Side says which program has it: "devlink" alone, "p4dev" alone, or "both" with other values.
	Side string
	// Why is a sentence for people; docs/devlink.md repeats it.
	Why string
	// same, where it is not nil, must say that the two values mean the same.
	same func(theirs, ours any) bool
}

// pathSeparator stands between the elements of a rule's path: handles hold slashes, and names hold spaces.
const pathSeparator = " > "

// Known lists the differences that are meant.
func Known() []Rule {
	return []Rule{
		{Path: "dev > * > nested_devlink", Side: "devlink", Why: "Instances inside others (subfunctions, line cards) are not ours."},
		{Path: "port > * > function > nested_devlink", Side: "devlink", Why: "Instances inside others (subfunctions, line cards) are not ours."},
		{Path: "port > * > lc", Side: "devlink", Why: "Line cards are not ours."},
		{Path: "port > * > des_type", Side: "devlink", Why: "The type that a port should have is not ours: p4dev does not change it."},
		{Path: "port > * > index|ifindex|subport", Side: "p4dev", Why: "The numbers of port and interface, so that nobody has to take the key apart."},
		{Path: "param > * > * > value_type", Side: "p4dev", Why: "The type of a parameter's values."},
		{Path: "param > * > * > values > * > default", Side: "p4dev", Why: "Defaults, which older devlink programs do not know."},
		{Path: "regions > * > name", Side: "p4dev", Why: "The region's name, so that nobody has to take the key apart."},
		{Path: "resources > * > ** > id|size_valid|size_min|size_max|size_gran", Side: "p4dev",
			Why: "All that the kernel says of a resource; devlink leaves out what it thinks is of no interest."},
		{Path: "resources > * > ** > size_valid", Side: "both", Why: "A truth value; devlink prints it as a string.",
			same: func(theirs, ours any) bool {
				return theirs == "true" && ours == true || theirs == "false" && ours == false
			}},
		{Path: "resources > * > ** > dpipe_tables", Side: "both",
			Why: "A list, also where it is empty, which devlink shows as \"none\"; older devlink programs find no table for any resource.",
			same: func(theirs, ours any) bool {
				_, list := ours.([]any)
				return theirs == "none" && list
			}},
		{Path: "resources > * > ** > dpipe_tables", Side: "p4dev", Why: "The tables that draw from a resource, also of kernels that devlink does not ask."},
		{Path: "table > * > * > occ|room", Side: "p4dev", Why: "How full the resource behind a table is, and its size."},
		{Path: "table_entry > * > * > table", Side: "p4dev", Why: "The table's name: entries of all tables can be shown at once."},
		{Path: "table_entry > * > * > match_value|action_value > * > value|value_mask", Side: "p4dev",
			Why: "Values of any length; devlink prints those of 4 bytes and the kernel's own addresses only."},
		{Path: "table_entry > * > * > match_value|action_value > * > value", Side: "both",
			Why: "Hardware addresses have two digits a byte; devlink leaves leading zeros out.", same: sameAddress},
		{Path: "table_entry > * > * > match_value|action_value > * > value", Side: "both",
			Why: "Numbers of devices that run a P4 program are in network order, devlink reads them in the host's.", same: swapped},
		{Path: "table_entry > * > * > match_value|action_value > * > value_mask", Side: "both",
			Why: "The mask; devlink prints the value in its place."},
		{Path: "health > * > * > diagnosis|last_dump|port", Side: "p4dev",
			Why: "What the reporter says now, when its dump was taken in full, and the number of its port."},
		{Path: "**", Side: "both", Why: "Bytes in health messages are a string in hexadecimal, not a list of numbers.", same: sameBytes},
		{Path: "test_u32_array|test_array_of_objects", Side: "p4dev",
			Why: "netdevsim ends a nest too many in its health messages; devlink stops there, and exits with 0."},
		{Path: "test_binary", Side: "both", Why: "Random bytes, which netdevsim makes up for every message.", same: sameLength},
		{Path: "trap|trap_group|trap_policer > * > * > stats > rx > packets|bytes|dropped", Side: "both",
			Why: "Counters go on counting between the one program and the other.", same: counted},
		{Path: "trap_group > * > * > stats|generic", Side: "p4dev", Why: "Counters of groups, which older kernels do not have."},
	}
}

// Unknown returns the differences that no rule allows.
func Unknown(differences []Difference) []Difference {
	rules := Known()
	return slices.DeleteFunc(slices.Clone(differences), func(d Difference) bool {
		return slices.ContainsFunc(rules, func(r Rule) bool { return r.allows(d) })
	})
}

// allows reports whether a difference is of the rule's kind.
func (r Rule) allows(d Difference) bool {
	side := "both"
	switch {
	case d.Theirs == nil:
		side = "p4dev"
	case d.Ours == nil:
		side = "devlink"
	}
	return side == r.Side && matches(strings.Split(r.Path, pathSeparator), d.Path) && (r.same == nil || r.same(d.Theirs, d.Ours))
}

// matches compares a path with a rule's.
func matches(pattern, path []string) bool {
	if len(pattern) == 0 {
		return len(path) == 0
	}
	if pattern[0] == "**" {
		for n := range len(path) + 1 {
			if matches(pattern[1:], path[n:]) {
				return true
			}
		}
		return false
	}
	return len(path) > 0 && (pattern[0] == "*" || slices.Contains(strings.Split(pattern[0], "|"), path[0])) &&
		matches(pattern[1:], path[1:])
}

// sameAddress compares hardware addresses, one of which has no leading zeros in its bytes.
func sameAddress(theirs, ours any) bool {
	t, ok := theirs.(string)
	o, oursOK := ours.(string)
	if !ok || !oursOK {
		return false
	}
	parts := strings.Split(t, ":")
	for i, p := range parts {
		if len(p) == 1 {
			parts[i] = "0" + p
		}
	}
	a, err := net.ParseMAC(strings.Join(parts, ":"))
	b, oursErr := net.ParseMAC(o)
	return err == nil && oursErr == nil && reflect.DeepEqual(a, b)
}

// swapped reports whether two numbers of 32 bits are each other's bytes in the other order.
func swapped(theirs, ours any) bool {
	a, ok := number(theirs)
	b, oursOK := number(ours)
	return ok && oursOK && bits.ReverseBytes32(a) == b
}

// sameBytes reports whether a list of numbers and a string in hexadecimal are the same bytes.
func sameBytes(theirs, ours any) bool {
	list, ok := theirs.([]any)
	text, oursOK := ours.(string)
	if !ok || !oursOK {
		return false
	}
	want := "0x"
	for _, v := range list {
		n, ok := number(v)
		if !ok || n > 255 {
			return false
		}
		want += fmt.Sprintf("%02x", n)
	}
	return text == want
}

// sameLength reports whether a list of bytes is as long as a string in hexadecimal.
func sameLength(theirs, ours any) bool {
	list, ok := theirs.([]any)
	text, oursOK := ours.(string)
	return ok && oursOK && len(text) == len("0x")+2*len(list)
}

// counted reports whether a counter that was read first is not above the other.
func counted(theirs, ours any) bool {
	first, ok := theirs.(json.Number)
	second, oursOK := ours.(json.Number)
	if !ok || !oursOK {
		return false
	}
	a, err := strconv.ParseUint(first.String(), 10, 64)
	b, oursErr := strconv.ParseUint(second.String(), 10, 64)
	return err == nil && oursErr == nil && a <= b
}

func number(v any) (uint32, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	u, err := strconv.ParseUint(n.String(), 10, 32)
	return uint32(u), err == nil
}
