package p4rt

import (
	"fmt"
	"time"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// EncodeEntry returns an entry as a P4Runtime message in canonical form. It shares byte slices with the entry.
// SkipSW and SkipHW have no place in it.
func (s *Schema) EncodeEntry(e *pipeline.Entry) (*p4v1.TableEntry, error) {
	te, err := s.EncodeKey(e)
	if err != nil {
		return nil, err
	}
	te.Action, err = s.byTable[e.Table].encodeAction(e)
	if err != nil {
		return nil, fmt.Errorf("p4rt: encode entry of %s: %w", e.Table.Name, err)
	}
	te.IdleTimeoutNs = int64(e.IdleTimeout)
	return te, nil
}

// EncodeKey returns what identifies an entry: table, match and priority.
func (s *Schema) EncodeKey(e *pipeline.Entry) (*p4v1.TableEntry, error) {
	ts, err := s.schemaOf(e.Table)
	if err != nil {
		return nil, fmt.Errorf("p4rt: encode entry: %w", err)
	}
	match, err := ts.encodeMatch(e.Match)
	if err != nil {
		return nil, fmt.Errorf("p4rt: encode entry of %s: %w", e.Table.Name, err)
	}
	return &p4v1.TableEntry{TableId: ts.id, Match: match, Priority: e.Priority}, nil
}

// EncodeDefault returns the default entry of a table. A nil call leaves the action unset: in a write that means
// the program's own, in a reply that a miss runs nothing.
func (s *Schema) EncodeDefault(t *pipeline.Table, call *pipeline.ActionCall) (*p4v1.TableEntry, error) {
	ts, err := s.schemaOf(t)
	if err != nil {
		return nil, fmt.Errorf("p4rt: encode default entry: %w", err)
	}
	te := &p4v1.TableEntry{TableId: ts.id, IsDefaultAction: true}
	if call == nil {
		return te, nil
	}
	action, err := ts.encodeCall(call)
	if err != nil {
		return nil, fmt.Errorf("p4rt: encode default entry of %s: %w", t.Name, err)
	}
	te.Action = &p4v1.TableAction{Type: &p4v1.TableAction_Action{Action: action}}
	return te, nil
}

// DecodeEntry reads an entry with its action. Errors wrap the sentinels of firmware/pipeline.
func (s *Schema) DecodeEntry(te *p4v1.TableEntry) (*pipeline.Entry, error) {
	e, err := s.DecodeKey(te)
	if err != nil {
		return nil, err
	}
	ts := s.byTable[e.Table]
	if err := ts.decodeAction(e, te.GetAction()); err != nil {
		return nil, fmt.Errorf("p4rt: decode entry of %s: %w", e.Table.Name, err)
	}
	if te.GetIdleTimeoutNs() != 0 && !e.Table.SupportTimeout {
		return nil, fmt.Errorf("p4rt: decode entry of %s: table has no idle time-out: %w", e.Table.Name,
			withCode(codes.InvalidArgument, pipeline.ErrBadAction))
	}
	e.IdleTimeout = time.Duration(te.GetIdleTimeoutNs())
	return e, nil
}

// DecodeKey reads table, match and priority of an entry and looks at nothing else, as a delete must.
func (s *Schema) DecodeKey(te *p4v1.TableEntry) (*pipeline.Entry, error) {
	ts, err := s.schemaByID(te.GetTableId())
	if err != nil {
		return nil, fmt.Errorf("p4rt: decode entry: %w", err)
	}
	e := &pipeline.Entry{Table: ts.table, Priority: te.GetPriority()}
	if err := ts.checkKey(te); err != nil {
		return nil, fmt.Errorf("p4rt: decode entry of %s: %w", ts.table.Name, err)
	}
	if e.Match, err = ts.decodeMatch(te.GetMatch()); err != nil {
		return nil, fmt.Errorf("p4rt: decode entry of %s: %w", ts.table.Name, err)
	}
	return e, nil
}

// checkKey holds the rules of "TableEntry" about keyless tables, priorities and constant entries.
func (ts *tableSchema) checkKey(te *p4v1.TableEntry) error {
	switch {
	case len(ts.fields) == 0:
		return fmt.Errorf("table has no key: %w", pipeline.ErrBadMatch)
	case ts.table.NeedsPriority() && te.GetPriority() <= 0:
		return pipeline.ErrNoPriority
	case !ts.table.NeedsPriority() && te.GetPriority() != 0:
		return fmt.Errorf("priority %d in a table without priorities: %w", te.GetPriority(), pipeline.ErrBadMatch)
	}
	return nil
}

// DecodeDefault reads a default entry: its table and its action, nil where the message has none.
func (s *Schema) DecodeDefault(te *p4v1.TableEntry) (*pipeline.Table, *pipeline.ActionCall, error) {
	ts, err := s.schemaByID(te.GetTableId())
	if err != nil {
		return nil, nil, fmt.Errorf("p4rt: decode default entry: %w", err)
	}
	fail := func(err error) (*pipeline.Table, *pipeline.ActionCall, error) {
		return nil, nil, fmt.Errorf("p4rt: decode default entry of %s: %w", ts.table.Name, err)
	}
	if len(te.GetMatch()) != 0 || te.GetPriority() != 0 || te.GetIdleTimeoutNs() != 0 || te.GetTimeSinceLastHit() != nil {
		return fail(fmt.Errorf("it has a match, a priority or a time-out: %w", pipeline.ErrBadMatch))
	}
	if te.GetAction() == nil {
		return ts.table, nil, nil
	}
	if ts.table.Profile != nil {
		return fail(fmt.Errorf("table with an action profile: %w", pipeline.ErrImmutable))
	}
	call, scope, err := ts.decodeCall(te.GetAction().GetAction())
	if err != nil {
		return fail(err)
	}
	if scope == pipeline.ScopeTable {
		return fail(fmt.Errorf("action %s is for entries only: %w", call.Action.Name,
			withCode(codes.PermissionDenied, pipeline.ErrBadAction)))
	}
	return ts.table, call, nil
}

// encodeAction returns the entry's action, member or group.
func (ts *tableSchema) encodeAction(e *pipeline.Entry) (*p4v1.TableAction, error) {
	switch {
	case e.Call != nil:
		action, err := ts.encodeCall(e.Call)
		if err != nil {
			return nil, err
		}
		return &p4v1.TableAction{Type: &p4v1.TableAction_Action{Action: action}}, nil
	case e.Member != nil:
		return &p4v1.TableAction{Type: &p4v1.TableAction_ActionProfileMemberId{ActionProfileMemberId: *e.Member}}, nil
	case e.Group != nil:
		return &p4v1.TableAction{Type: &p4v1.TableAction_ActionProfileGroupId{ActionProfileGroupId: *e.Group}}, nil
	}
	return nil, fmt.Errorf("entry has no action: %w", pipeline.ErrBadAction)
}

func (ts *tableSchema) encodeCall(call *pipeline.ActionCall) (*p4v1.Action, error) {
	for _, as := range ts.actions {
		if as.action != call.Action {
			continue
		}
		if as.id == 0 || len(call.Args) != len(as.params) {
			return nil, fmt.Errorf("action %s with %d arguments: %w", call.Action.Name, len(call.Args), pipeline.ErrBadAction)
		}
		action := &p4v1.Action{ActionId: as.id}
		for i, arg := range call.Args {
			action.Params = append(action.Params, &p4v1.Action_Param{ParamId: as.params[i], Value: canonical(arg)})
		}
		return action, nil
	}
	return nil, fmt.Errorf("action %s: %w", call.Action.Name, pipeline.ErrNoAction)
}

// decodeAction sets the entry's action, member or group, whichever the table asks for ("Action
// Specification").
func (ts *tableSchema) decodeAction(e *pipeline.Entry, ta *p4v1.TableAction) error {
	profile := ts.table.Profile
	switch a := ta.GetType().(type) {
	case *p4v1.TableAction_Action:
		return ts.decodeDirect(e, a.Action)
	case *p4v1.TableAction_ActionProfileMemberId:
		if profile == nil {
			return fmt.Errorf("member in a table without an action profile: %w", pipeline.ErrBadAction)
		}
		e.Member = &a.ActionProfileMemberId
	case *p4v1.TableAction_ActionProfileGroupId:
		if profile == nil || profile.Selector == nil {
			return fmt.Errorf("group in a table without an action selector: %w", pipeline.ErrBadAction)
		}
		e.Group = &a.ActionProfileGroupId
	case *p4v1.TableAction_ActionProfileActionSet:
		return fmt.Errorf("one-shot action set: %w", withCode(codes.Unimplemented, pipeline.ErrBadAction))
	default:
		return fmt.Errorf("entry has no action: %w", pipeline.ErrBadAction)
	}
	return nil
}

func (ts *tableSchema) decodeDirect(e *pipeline.Entry, a *p4v1.Action) error {
	if ts.table.Profile != nil {
		return fmt.Errorf("action in a table with an action profile: %w", pipeline.ErrBadAction)
	}
	call, scope, err := ts.decodeCall(a)
	if err != nil {
		return err
	}
	if scope == pipeline.ScopeDefault {
		return fmt.Errorf("action %s is for the default entry only: %w", call.Action.Name,
			withCode(codes.PermissionDenied, pipeline.ErrBadAction))
	}
	e.Call = call
	return nil
}

// decodeCall reads an action of the table; every parameter must be there once.
func (ts *tableSchema) decodeCall(a *p4v1.Action) (*pipeline.ActionCall, pipeline.ActionScope, error) {
	for _, as := range ts.actions {
		if as.id == 0 || as.id != a.GetActionId() {
			continue
		}
		args, err := as.decodeArgs(a.GetParams())
		if err != nil {
			return nil, 0, fmt.Errorf("action %s: %w", as.action.Name, err)
		}
		return &pipeline.ActionCall{Action: as.action, Args: args}, as.scope, nil
	}
	return nil, 0, fmt.Errorf("action id %#x: %w", a.GetActionId(), pipeline.ErrNoAction)
}

func (as *actionSchema) decodeArgs(params []*p4v1.Action_Param) ([][]byte, error) {
	byID := make(map[uint32][]byte, len(params))
	for _, p := range params {
		if _, twice := byID[p.GetParamId()]; twice {
			return nil, fmt.Errorf("parameter %d twice: %w", p.GetParamId(), pipeline.ErrBadAction)
		}
		byID[p.GetParamId()] = p.GetValue()
	}
	args := make([][]byte, len(as.params))
	for i, p := range as.action.Params {
		value, ok := byID[as.params[i]]
		if !ok {
			return nil, fmt.Errorf("parameter %s is missing: %w", p.Name, pipeline.ErrBadAction)
		}
		wide, err := widen(value, p.Width)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		args[i] = wide
		delete(byID, as.params[i])
	}
	for id := range byID {
		return nil, fmt.Errorf("no parameter %d: %w", id, pipeline.ErrBadAction)
	}
	return args, nil
}
