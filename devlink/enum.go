package devlink

import (
	"fmt"
	"slices"
	"strconv"
)

// enumString returns the name of v, or its number where it has none.
func enumString[T ~uint8 | ~uint16 | ~uint32](names []string, v T) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return strconv.Itoa(int(v))
}

// parseEnum finds the value that enumString shows as text.
func parseEnum[T ~uint8 | ~uint16 | ~uint32](what string, names []string, text []byte) (T, error) {
	if i := slices.Index(names, string(text)); i >= 0 && len(text) > 0 {
		return T(i), nil
	}
	n, err := strconv.ParseUint(string(text), 10, 8)
	if err != nil {
		return 0, fmt.Errorf("devlink: parse %s %q: want one of %q", what, text, slices.DeleteFunc(
			slices.Clone(names), func(s string) bool { return s == "" }))
	}
	return T(n), nil
}
