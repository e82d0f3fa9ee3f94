package swfallback

import (
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// cloneEntry copies an entry, so that its owner may change it.
func cloneEntry(e *pipeline.Entry) *pipeline.Entry {
	out := *e
	out.Match = slices.Clone(e.Match)
	for i := range out.Match {
		m := &out.Match[i]
		m.Value, m.Mask, m.High = slices.Clone(m.Value), slices.Clone(m.Mask), slices.Clone(m.High)
	}
	out.Call = cloneCall(e.Call)
	out.Member, out.Group = cloneID(e.Member), cloneID(e.Group)
	return &out
}

func cloneCall(c *pipeline.ActionCall) *pipeline.ActionCall {
	if c == nil {
		return nil
	}
	out := &pipeline.ActionCall{Action: c.Action}
	for _, arg := range c.Args {
		out.Args = append(out.Args, slices.Clone(arg))
	}
	return out
}

func cloneID(id *uint32) *uint32 {
	if id == nil {
		return nil
	}
	out := *id
	return &out
}
