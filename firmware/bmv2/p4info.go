package bmv2

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	p4configv1 "github.com/p4lang/p4runtime/go/p4/config/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ReadP4Info reads P4Info, as text or binary protobuf. Fields that this version of P4Info does not have are
// ignored.
func ReadP4Info(data []byte) (*p4configv1.P4Info, error) {
	info := &p4configv1.P4Info{}
	var err error
	if isText(data) {
		err = prototext.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, info)
	} else {
		err = proto.Unmarshal(data, info)
	}
	if err != nil {
		return nil, fmt.Errorf("bmv2: read P4Info: %w", &ImportError{Err: &detail{ErrSyntax, err.Error()}})
	}
	return info, nil
}

// isText tells the two forms apart: the tags of a P4Info's binary form are control characters.
func isText(data []byte) bool {
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return utf8.Valid(data)
}

// applier is one Apply.
type applier struct {
	prog     *pipeline.Program
	findings []error
	actions  map[uint32]string // names by P4Info id
}

// Apply sets what only P4Info knows: ids, aliases, annotations, the sizes of groups, where an action may be
// used, and which ternary keys are optional. Ids that Import derived are dropped; objects that P4Info does
// not have keep id 0, and such tables are Hidden. Names, numbers of keys and parameters, widths and match
// kinds have to agree: the error joins one *ImportError for each that does not, with a path in P4Info; the
// program must not be used then. Apply changes prog: call it before the program is shared.
func Apply(prog *pipeline.Program, info *p4configv1.P4Info) error {
	a := &applier{prog: prog, actions: map[uint32]string{}}
	if info.GetPkgInfo().GetArch() != "" {
		prog.Arch = info.GetPkgInfo().GetArch()
	}
	a.applyActions(info.GetActions())
	a.applyTables(info.GetTables())
	a.applyProfiles(info.GetActionProfiles())
	a.applyValueSets(info.GetValueSets())
	a.applyCounters(info)
	a.applyMeters(info)
	a.applyRegisters(info.GetRegisters())
	a.applyDigests(info.GetDigests())
	if len(a.findings) > 0 {
		return fmt.Errorf("bmv2: apply P4Info: %w", errors.Join(a.findings...))
	}
	return nil
}

// fail records a finding; path is that of the message in P4Info.
func (a *applier) fail(path string, src pipeline.Source, kind error, format string, args ...any) {
	a.findings = append(a.findings, &ImportError{
		Path:   path,
		Source: src,
		Err:    &detail{kind: kind, text: fmt.Sprintf(format, args...)},
	})
}

// index makes a map of objects by name and calls reset for each.
func index[T any](objs []T, name func(T) string, reset func(T)) map[string]T {
	out := make(map[string]T, len(objs))
	for _, obj := range objs {
		out[name(obj)] = obj
		reset(obj)
	}
	return out
}

// find returns the object that a preamble names, with a finding where there is none.
func find[T any](a *applier, objs map[string]T, pre *p4configv1.Preamble, path, what string) (T, bool) {
	obj, ok := objs[pre.GetName()]
	if !ok {
		a.fail(path, pipeline.Source{}, ErrUnknown, "the program has no %s %.80q", what, pre.GetName())
	}
	return obj, ok
}

func (a *applier) applyActions(list []*p4configv1.Action) {
	byName := map[string][]*pipeline.Action{}
	for _, act := range a.prog.Actions {
		act.ID, act.Alias, act.Annotations = 0, "", nil
		byName[act.Name] = append(byName[act.Name], act)
	}
	for i, pa := range list {
		path := fmt.Sprintf("/actions/%d", i)
		pre := pa.GetPreamble()
		a.actions[pre.GetId()] = pre.GetName()
		// An action that no table uses any more is in P4Info but may be missing in the JSON.
		for _, act := range byName[pre.GetName()] {
			act.ID, act.Alias, act.Annotations = pre.GetId(), pre.GetAlias(), annotations(pre.GetAnnotations())
			a.applyParams(path, act, pa.GetParams())
		}
	}
}

// applyParams sets the ids of an action's parameters. Copies of an action that the compiler made for direct
// calls may have fewer of them.
func (a *applier) applyParams(path string, act *pipeline.Action, list []*p4configv1.Action_Param) {
	byName := map[string]*p4configv1.Action_Param{}
	for _, p := range list {
		byName[p.GetName()] = p
	}
	for _, p := range act.Params {
		pp, ok := byName[p.Name]
		if !ok {
			a.fail(path, act.Source, ErrMismatch, "action %q has no parameter %q in P4Info", act.Name, p.Name)
			continue
		}
		if pp.GetTypeName() == nil && int(pp.GetBitwidth()) != p.Width {
			a.fail(path, act.Source, ErrWidth, "parameter %q of action %q has %d bits, in the program %d",
				p.Name, act.Name, pp.GetBitwidth(), p.Width)
		}
		p.ID, p.Annotations = pp.GetId(), annotations(pp.GetAnnotations())
	}
}

// applyTables applies tables. P4Info has tables that the compiler then found to do nothing and that JSON
// lacks; only where all of them are missing are the two from different programs.
func (a *applier) applyTables(list []*p4configv1.Table) {
	found, visible := 0, 0
	tables := index(a.prog.Tables, func(t *pipeline.Table) string { return t.Name }, func(t *pipeline.Table) {
		if !t.Hidden {
			visible++
		}
		t.ID, t.Alias, t.Annotations, t.Hidden = 0, "", nil, true
	})
	for i, pt := range list {
		path := fmt.Sprintf("/tables/%d", i)
		pre := pt.GetPreamble()
		t, ok := tables[pre.GetName()]
		if !ok {
			continue
		}
		found++
		t.ID, t.Alias, t.Hidden = pre.GetId(), pre.GetAlias(), false
		t.Annotations = annotations(pre.GetAnnotations())
		if len(pt.GetMatchFields()) != len(t.Keys) {
			a.fail(path, t.Source, ErrMismatch, "table %q has %d match fields, in the program %d",
				t.Name, len(pt.GetMatchFields()), len(t.Keys))
			continue
		}
		for j, mf := range pt.GetMatchFields() {
			a.applyKey(path+"/match_fields/"+strconv.Itoa(j), t, t.Keys[j], mf)
		}
		a.applyScopes(path, t, pt.GetActionRefs())
	}
	if found == 0 && visible > 0 && len(list) > 0 {
		a.fail("/tables", pipeline.Source{}, ErrMismatch, "the program has none of the %d tables", len(list))
	}
}

// applyKey sets what P4Info says of one component of a key. Components are matched by position: P4Info
// and JSON may spell the name of a header's validity differently, and P4Info's name stays.
func (a *applier) applyKey(path string, t *pipeline.Table, k *pipeline.Key, mf *p4configv1.MatchField) {
	if mf.GetTypeName() == nil && mf.GetBitwidth() != 0 && int(mf.GetBitwidth()) != k.Width {
		a.fail(path, t.Source, ErrWidth, "match field %q of table %q has %d bits, in the program %d",
			mf.GetName(), t.Name, mf.GetBitwidth(), k.Width)
	}
	want := k.Kind
	switch mf.GetMatchType() {
	case p4configv1.MatchField_EXACT:
		if k.Kind != pipeline.MatchValid {
			want = pipeline.MatchExact
		}
	case p4configv1.MatchField_LPM:
		want = pipeline.MatchLPM
	case p4configv1.MatchField_TERNARY:
		want = pipeline.MatchTernary
	case p4configv1.MatchField_RANGE:
		want = pipeline.MatchRange
	case p4configv1.MatchField_OPTIONAL:
		want = pipeline.MatchOptional
		if k.Kind == pipeline.MatchTernary {
			k.Kind = pipeline.MatchOptional
		}
	}
	if k.Kind != want {
		a.fail(path, t.Source, ErrMismatch, "match field %q of table %q is %v, in the program %v",
			mf.GetName(), t.Name, want, k.Kind)
	}
	k.ID, k.Annotations = mf.GetId(), annotations(mf.GetAnnotations())
	if mf.GetName() != "" {
		k.Name = mf.GetName()
	}
}

// applyScopes sets where a table may use its actions.
func (a *applier) applyScopes(path string, t *pipeline.Table, refs []*p4configv1.ActionRef) {
	t.Scopes = nil
	scopes := make([]pipeline.ActionScope, len(t.Actions))
	for _, ref := range refs {
		name, known := a.actions[ref.GetId()]
		if !known {
			a.fail(path, t.Source, ErrUnknown, "P4Info has no action with id %d", ref.GetId())
			continue
		}
		found := false
		for i, act := range t.Actions {
			if act.Name != name {
				continue
			}
			found = true
			switch ref.GetScope() {
			case p4configv1.ActionRef_TABLE_ONLY:
				scopes[i], t.Scopes = pipeline.ScopeTable, scopes
			case p4configv1.ActionRef_DEFAULT_ONLY:
				scopes[i], t.Scopes = pipeline.ScopeDefault, scopes
			}
		}
		if !found {
			a.fail(path, t.Source, ErrUnknown, "table %q has no action %q in the program", t.Name, name)
		}
	}
}

// annotations takes P4Info's annotations apart: "@name" or "@name(body)".
func annotations(list []string) []pipeline.Annotation {
	var out []pipeline.Annotation
	for _, s := range list {
		name, body, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(s), "@"), "(")
		out = append(out, pipeline.Annotation{
			Name: strings.TrimSpace(name),
			Body: strings.TrimSuffix(body, ")"),
		})
	}
	return out
}
