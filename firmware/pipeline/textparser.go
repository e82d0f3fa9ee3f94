package pipeline

import (
	"fmt"
	"math/big"
	"strings"
)

func (t *textWriter) parser(p *Parser) {
	t.section()
	t.open("parser %s", p.Name)
	if p.Start != nil {
		t.line("start %s", p.Start.Name)
	} else {
		t.line("start accept")
	}
	for _, st := range p.States {
		t.state(st)
	}
	t.shut()
}

func (t *textWriter) state(st *ParserState) {
	t.open("state %s", st.Name)
	for _, p := range st.Body {
		t.line("%s", p)
	}
	keys := make([]string, len(st.Key))
	for i, k := range st.Key {
		keys[i] = fmt.Sprintf("%s:%d", ExprString(k.Expr), k.Width)
	}
	if len(st.Key) == 0 && len(st.Next) == 1 {
		t.line("goto %s", stateName(st.Next[0].Next))
		t.shut()
		return
	}
	t.open("select (%s)", strings.Join(keys, ", "))
	for _, tr := range st.Next {
		t.line("%s: %s", TransitionLabel(st, &tr), stateName(tr.Next))
	}
	t.shut()
	t.shut()
}

func stateName(st *ParserState) string {
	if st == nil {
		return "accept"
	}
	return st.Name
}

// TransitionLabel writes what a transition of the state compares with: "0x0800", "0x20 &&& 0xf0, *", "in
// NAME" for a value set, "default". Values have the digits of their width.
func TransitionLabel(st *ParserState, tr *Transition) string {
	switch tr.Kind {
	case TransitionDefault:
		return "default"
	case TransitionValueSet:
		return "in " + tr.Set.Name
	}
	parts := make([]string, len(tr.Value))
	for i, v := range tr.Value {
		width := 0
		if i < len(st.Key) {
			width = st.Key[i].Width
		}
		parts[i] = hexText(v, width)
		if i >= len(tr.Mask) || tr.Mask[i] == nil {
			continue
		}
		switch mask := tr.Mask[i]; {
		case mask.Sign() == 0:
			parts[i] = "*"
		case mask.BitLen() == width && isOnes(mask):
		default:
			parts[i] += " &&& " + hexText(mask, width)
		}
	}
	return strings.Join(parts, ", ")
}

// hexText writes v with all digits of width bits.
func hexText(v *big.Int, width int) string {
	return fmt.Sprintf("0x%0*x", (width+3)/4, v)
}

// isOnes reports whether v is 2^n-1.
func isOnes(v *big.Int) bool {
	next := new(big.Int).Add(v, big.NewInt(1))
	return new(big.Int).And(next, v).Sign() == 0
}

func (t *textWriter) checksum(c *Checksum) {
	t.section()
	t.open("checksum %s", c.Name)
	t.line("target %s", ExprString(c.Target))
	t.line("calculation %s", c.Calculation.Name)
	if c.If != nil {
		t.line("if %s", ExprString(c.If))
	}
	if c.Verify {
		t.line("verify")
	}
	if c.Update {
		t.line("update")
	}
	t.shut()
}

func (t *textWriter) deparser(d *Deparser) {
	t.section()
	t.open("deparser %s", d.Name)
	for _, p := range d.Body {
		t.line("%s", p)
	}
	for _, h := range d.Order {
		t.line("emit %s", h.Name)
	}
	t.shut()
}
