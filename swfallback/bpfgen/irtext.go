package bpfgen

import (
	"fmt"
	"strings"
)

// String returns the program as canonical text: blocks in their order, one operation a line, values numbered in
// the order of the text.
func (f *fn) String() string {
	p := &printer{names: make(map[*value]string)}
	fmt.Fprintf(&p.out, "program %s\n", f.name)
	for _, b := range f.blocks {
		p.block(b)
	}
	return p.out.String()
}

// printer numbers values as they come.
type printer struct {
	out   strings.Builder
	names map[*value]string
}

func (p *printer) block(b *block) {
	fmt.Fprintf(&p.out, "b%d", b.id)
	if len(b.params) > 0 {
		fmt.Fprintf(&p.out, "(%s)", p.list(b.params))
	}
	p.out.WriteString(":")
	if b.note != "" {
		fmt.Fprintf(&p.out, " ; %s", b.note)
	}
	p.out.WriteString("\n")
	for _, v := range b.ops {
		p.line(v)
	}
	p.term(&b.term)
}

// line prints one operation, with its place in the P4 program.
func (p *printer) line(v *value) {
	text := p.operation(v)
	if v.op != opStore {
		text = p.name(v) + " = " + text
	}
	if at := sourceAt(v.src).String(); at != "" {
		text = fmt.Sprintf("%-44s ; %s", text, at)
	}
	fmt.Fprintf(&p.out, "\t%s\n", text)
}

// operation prints an operation without its result.
func (p *printer) operation(v *value) string {
	switch v.op {
	case opLoad:
		return fmt.Sprintf("load%d %s", v.size*8, p.address(v.args[0], v.imm))
	case opStore:
		return fmt.Sprintf("store%d %s, %s", v.size*8, p.address(v.args[0], v.imm), p.name(v.args[1]))
	case opCall:
		if v.finder != nil {
			return fmt.Sprintf("call %s(%s)", finderName(v.finder.Table), p.list(v.args))
		}
		return fmt.Sprintf("call %s(%s)", strings.TrimPrefix(v.helper.String(), "Fn"), p.list(v.args))
	case opSwap:
		return fmt.Sprintf("swap%d %s", v.size*8, p.name(v.args[0]))
	case opSet:
		return fmt.Sprintf("%s %s %s", p.name(v.args[0]), condNames[v.cond], p.name(v.args[1]))
	}
	return opNames[v.op] + " " + p.list(v.args)
}

func (p *printer) address(v *value, off uint64) string {
	return fmt.Sprintf("[%s%+d]", p.name(v), int64(off))
}

func (p *printer) term(t *term) {
	switch t.kind {
	case termJump:
		fmt.Fprintf(&p.out, "\tjump %s\n", p.edge(&t.to[0]))
	case termBranch:
		fmt.Fprintf(&p.out, "\tif %s %s %s then %s else %s\n", p.name(t.a), condNames[t.cond], p.name(t.b),
			p.edge(&t.to[0]), p.edge(&t.to[1]))
	case termExit:
		fmt.Fprintf(&p.out, "\texit %s\n", p.name(t.a))
	default:
		p.out.WriteString("\t(open)\n")
	}
}

func (p *printer) edge(e *edge) string {
	if len(e.args) == 0 {
		return fmt.Sprintf("b%d", e.to.id)
	}
	return fmt.Sprintf("b%d(%s)", e.to.id, p.list(e.args))
}

func (p *printer) list(vs []*value) string {
	names := make([]string, len(vs))
	for i, v := range vs {
		names[i] = p.name(v)
	}
	return strings.Join(names, ", ")
}

// name returns how a value is written: constants and addresses as themselves, others numbered.
func (p *printer) name(v *value) string {
	switch v.op {
	case opConst:
		if v.imm < 1<<16 {
			return fmt.Sprint(v.imm)
		}
		return fmt.Sprintf("%#x", v.imm)
	case opCtx:
		return "ctx"
	case opFrame:
		return fmt.Sprintf("slot%d%+d", v.slot.id, int64(v.imm))
	case opMap:
		return "@" + v.name
	case opMapValue:
		return fmt.Sprintf("&%s%+d", v.name, int64(v.imm))
	}
	n, ok := p.names[v]
	if !ok {
		n = fmt.Sprintf("v%d", len(p.names))
		p.names[v] = n
	}
	if v.reg != nil {
		return n + "." + v.reg.String()
	}
	return n
}
