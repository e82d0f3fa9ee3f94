package interp

import "github.com/p4dev/p4dev/firmware/pipeline"

func checkEntry(e *pipeline.Entry) error {
	priority := false
	for _, k := range e.Table.Keys {
		priority = priority || k.Kind.NeedsPriority()
	}
	if priority && e.Priority <= 0 {
		return pipeline.ErrNoPriority
	}
	return nil
}
