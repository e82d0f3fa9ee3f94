package tracetext

import (
	"fmt"
	"path"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// place writes a place in the program as FILE:LINE, without the folders of the machine that compiled it.
func place(s pipeline.Source) string {
	if s.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", path.Base(s.File), s.Line)
}

// actionPlace is the place of the first thing that an action does: what the compiler made has no place of its own.
func actionPlace(a *pipeline.Action) string {
	for _, p := range a.Body {
		if s := place(p.Source); s != "" {
			return s
		}
	}
	return place(a.Source)
}

// entryRest is what an entry has beside its key and action.
func entryRest(e *pipeline.Entry) string {
	rest := ""
	if e.Priority != 0 {
		rest += fmt.Sprintf(", priority %d", e.Priority)
	}
	if e.Member != nil {
		rest += fmt.Sprintf(", member %d", *e.Member)
	}
	if e.Group != nil {
		rest += fmt.Sprintf(", group %d", *e.Group)
	}
	if s := place(e.Source); s != "" {
		rest += ", of the program at " + s
	}
	return rest
}
