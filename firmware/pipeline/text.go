package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"sort"
	"strings"
)

// WriteText writes a program as text for people: everything that the model knows but places in the source,
// in the order of the model. The same program gives the same bytes. There is no reader for it.
func WriteText(w io.Writer, p *Program) error {
	t := &textWriter{}
	t.line("program %q", p.Name)
	t.line("arch %s", p.Arch)
	if p.Version != [2]int{} {
		t.line("format %d.%d", p.Version[0], p.Version[1])
	}
	t.headerTypes(p)
	t.headers(p)
	t.names(p)
	for _, parser := range p.Parsers {
		t.parser(parser)
	}
	t.objects(p)
	t.calculations(p)
	users := actionUsers(p)
	for _, a := range p.Actions {
		t.action(a, users[a])
	}
	for _, c := range p.Controls {
		t.control(c)
	}
	for _, c := range p.Checksums {
		t.checksum(c)
	}
	for _, d := range p.Deparsers {
		t.deparser(d)
	}
	if _, err := w.Write(t.buf.Bytes()); err != nil {
		return fmt.Errorf("pipeline: write text: %w", err)
	}
	return nil
}

// textWriter collects lines; open and shut change the indentation.
type textWriter struct {
	buf   bytes.Buffer
	depth int
}

func (t *textWriter) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text != "" {
		t.buf.WriteString(strings.Repeat("    ", t.depth))
		t.buf.WriteString(text)
	}
	t.buf.WriteByte('\n')
}

func (t *textWriter) open(format string, args ...any) {
	t.line(format+" {", args...)
	t.depth++
}

func (t *textWriter) shut() {
	t.depth--
	t.line("}")
}

// section starts a new paragraph.
func (t *textWriter) section() { t.buf.WriteByte('\n') }

func (t *textWriter) headerTypes(p *Program) {
	for _, typ := range p.HeaderTypes {
		t.section()
		size := fmt.Sprintf("%d bits", typ.Width)
		if typ.Var != nil {
			size += fmt.Sprintf(", with varbit at most %d bytes", typ.MaxBytes)
		}
		t.open("header_type %s (%s)", typ.Name, size)
		for _, f := range typ.Fields {
			t.line("%s", fieldText(f))
		}
		if typ.VarLength != nil {
			names := make([]string, len(typ.Fields))
			for i, f := range typ.Fields {
				names[i] = f.Name
			}
			t.line("length %s", exprText(typ.VarLength, names))
		}
		t.shut()
	}
}

func fieldText(f *Field) string {
	kind := "bit"
	switch {
	case f.Var:
		kind = "varbit"
	case f.Signed:
		kind = "int"
	}
	return fmt.Sprintf("%s<%d> %s", kind, f.Width, f.Name)
}

func (t *textWriter) headers(p *Program) {
	if len(p.Headers) > 0 {
		t.section()
	}
	for _, h := range p.Headers {
		word := "header"
		if h.Metadata {
			word = "metadata"
		}
		t.line("%s %s %s", word, h.Type.Name, h.Name)
	}
	for _, st := range p.Stacks {
		t.line("stack %s[%d] %s", typeName(st.Type), len(st.Header), st.Name)
	}
	for _, typ := range p.UnionTypes {
		var members []string
		for _, m := range typ.Members {
			members = append(members, typeName(m.Type)+" "+m.Name)
		}
		t.line("union_type %s {%s}", typ.Name, strings.Join(members, ", "))
	}
	for _, u := range p.Unions {
		t.line("union %s %s {%s}", u.Type.Name, u.Name, headerNames(u.Header))
	}
	for _, st := range p.UnionStacks {
		t.line("union_stack %s[%d] %s", st.Type.Name, len(st.Union), st.Name)
	}
}

func typeName(t *HeaderType) string {
	if t == nil {
		return "?"
	}
	return t.Name
}

func headerNames(list []*Header) string {
	names := make([]string, len(list))
	for i, h := range list {
		names[i] = h.Name
	}
	return strings.Join(names, ", ")
}

func (t *textWriter) names(p *Program) {
	t.members("error", p.Errors)
	for _, e := range p.Enums {
		t.members("enum "+e.Name, e.Members)
	}
	if len(p.Aliases) > 0 {
		t.section()
	}
	for _, a := range p.Aliases {
		t.line("alias %s = %s", a.Name, ExprString(a.Field))
	}
}

func (t *textWriter) members(title string, list []EnumMember) {
	if len(list) == 0 {
		return
	}
	t.section()
	t.open("%s", title)
	for _, m := range list {
		t.line("%s = %d", m.Name, m.Value)
	}
	t.shut()
}

// identity writes what the control plane knows of an object.
func (t *textWriter) identity(id uint32, alias string, annotations []Annotation) {
	if id != 0 {
		t.line("id %#08x", id)
	}
	if alias != "" {
		t.line("alias %s", alias)
	}
	t.annotations(annotations)
}

func (t *textWriter) annotations(list []Annotation) {
	for _, a := range list {
		t.line("%s", annotationText(a))
	}
}

func annotationText(a Annotation) string {
	if a.Body == "" {
		return "@" + a.Name
	}
	return "@" + a.Name + "(" + a.Body + ")"
}

// inline writes annotations at the end of a line.
func inline(list []Annotation) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteByte(' ')
		b.WriteString(annotationText(a))
	}
	return b.String()
}

// body writes primitives. They are numbered where jumps lead to the numbers.
func (t *textWriter) body(list []Primitive, params []string) {
	jumps := false
	for _, p := range list {
		jumps = jumps || p.Op == OpJump || p.Op == OpJumpIfZero
	}
	for i, p := range list {
		if jumps {
			t.line("%d: %s", i, p.text(params))
		} else {
			t.line("%s", p.text(params))
		}
	}
}

// actionUsers returns the names of the tables and calls that use each action.
func actionUsers(p *Program) map[*Action][]string {
	users := map[*Action][]string{}
	for _, t := range p.Tables {
		for _, a := range t.Actions {
			users[a] = append(users[a], t.Name)
		}
	}
	for _, c := range p.Controls {
		for _, call := range c.Calls {
			users[call.Action] = append(users[call.Action], call.Name)
		}
	}
	return users
}

// action writes an action. The users tell actions of one name apart.
func (t *textWriter) action(a *Action, users []string) {
	t.section()
	var params, names []string
	for _, p := range a.Params {
		names = append(names, p.Name)
		text := fmt.Sprintf("bit<%d> %s", p.Width, p.Name)
		if p.ID != 0 {
			text += fmt.Sprintf(" = %d", p.ID)
		}
		params = append(params, text+inline(p.Annotations))
	}
	t.open("action %s(%s)", a.Name, strings.Join(params, ", "))
	t.identity(a.ID, a.Alias, a.Annotations)
	if len(users) > 0 {
		t.line("of %s", strings.Join(users, ", "))
	}
	t.body(a.Body, names)
	t.shut()
}

// attributes writes the attributes of an extern instance in the order of their names.
func (t *textWriter) attributes(list map[string]Expr) {
	names := make([]string, 0, len(list))
	for name := range list {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t.line("%s = %s", name, ExprString(list[name]))
	}
}
