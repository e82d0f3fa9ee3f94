package bpfgen

import "fmt"

// String returns the fate in one word: "forwarded", "host", "dropped", "replicated" or "failed".
func (f Fate) String() string {
	names := [NumFates]string{"forwarded", "host", "dropped", "replicated", "failed"}
	if f < NumFates {
		return names[f]
	}
	return fmt.Sprintf("fate %d", uint32(f))
}
