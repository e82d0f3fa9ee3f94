package bpfgen

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// callLayout says how values hold one of several actions with its arguments.
type callLayout struct {
	list    []*pipeline.Action // an action's number is its place here + 1
	actions []actionLayout     // by place in list
	params  int                // bytes of the largest action's parameters
}

// newCallLayout places the parameters of actions from base on.
func newCallLayout(list []*pipeline.Action, base int) callLayout {
	l := callLayout{list: list}
	for _, a := range list {
		al := packAction(a, base)
		l.actions = append(l.actions, al)
		l.params = max(l.params, al.size)
	}
	return l
}

// put writes action and arguments into a value.
func (l *callLayout) put(out []byte, call *pipeline.ActionCall) error {
	if call == nil {
		return fmt.Errorf("no action: %w", pipeline.ErrBadAction)
	}
	for i, a := range l.list {
		if a != call.Action {
			continue
		}
		if len(call.Args) != len(a.Params) {
			return fmt.Errorf("%s: %d arguments for %d parameters: %w", a.Name, len(call.Args), len(a.Params), pipeline.ErrBadAction)
		}
		le.PutUint16(out[valueAction:], uint16(i+1))
		for j := range a.Params {
			putParam(out, l.actions[i].params[j], call.Args[j])
		}
		return nil
	}
	return fmt.Errorf("%s: %w", call.Action.Name, pipeline.ErrNoAction)
}

// get reads action and arguments out of a value; nil when there is no action.
func (l *callLayout) get(value []byte) (*pipeline.ActionCall, error) {
	id := int(le.Uint16(value[valueAction:]))
	if id == 0 {
		return nil, nil
	}
	if id > len(l.list) {
		return nil, fmt.Errorf("action %d of %d: %w", id, len(l.list), pipeline.ErrNoAction)
	}
	a := l.list[id-1]
	call := &pipeline.ActionCall{Action: a}
	for j, p := range a.Params {
		call.Args = append(call.Args, getPieces(value, l.actions[id-1].params[j], p.Width))
	}
	return call, nil
}
