package bpfgen

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// TestCalculations computes hashes and checksums over random fields, constants and payloads in the kernel and in
// the interpreter. See TestExpressions for the seed.
func TestCalculations(t *testing.T) {
	requireBPF(t)
	seed, rounds := envInt(t, "P4DEV_TEST_SEED", 1), envInt(t, "P4DEV_TEST_ROUNDS", 150)
	refused := 0
	for i := range rounds {
		g := &sumGen{exprGen{rng: rand.New(rand.NewPCG(uint64(seed+i), 1)), widths: exprWidths}}
		p := g.program()
		for _, form := range []Form{FormSpecial, FormGeneral} {
			o, err := Compile(p, Options{Verdict: true, Form: form})
			if u := new(UnsupportedError); errors.As(err, &u) && (u.What == "xxh64 over a payload or a varbit" ||
				strings.HasSuffix(u.What, "that is not valid any more")) { // a packet that ends too early
				continue
			}
			if err != nil {
				t.Fatalf("seed %d, %v: %v\n%s", seed+i, form, err, g.text(p))
			}
			if !compareEngines(t, o, g.packets(t, p)) {
				t.Fatalf("seed %d, %v: the engines differ\n%s", seed+i, form, g.text(p))
			}
		}
	}
	if refused > rounds/2 {
		t.Errorf("%d of %d programs have no special form", refused, rounds)
	}
}

// sumGen makes programs that compute a hash of one header and maintain a checksum in another.
type sumGen struct{ exprGen }

var algorithms = []string{"csum16", "cksum16", "xor16", "xor32", "identity", "crc16", "crc32", "crcCCITT", "crc8_custom",
	"crc16_custom", "crc32_custom", "crc64_custom", "xxh64", "toeplitz"}

func (g *sumGen) program() *pipeline.Program {
	x := newTiny()
	g.in, g.out, g.meta = g.header(x, "in", 5), g.header(x, "out", 3), g.header(x, "meta", 1)
	g.meta.Metadata = true
	s := x.Parsers[0].States[0]
	for _, h := range []*pipeline.Header{g.in, g.out} {
		s.Body = append(s.Body, pipeline.Primitive{Op: pipeline.OpExtract, Args: []pipeline.Expr{&pipeline.HeaderRef{Header: h}}})
	}
	// The tag is there in some packets.
	tag := &pipeline.ParserState{Index: 1, Name: "tag", Next: []pipeline.Transition{{Kind: pipeline.TransitionDefault}},
		Body: []pipeline.Primitive{{Op: pipeline.OpExtract, Args: []pipeline.Expr{&pipeline.HeaderRef{Header: x.tag}}}}}
	x.Parsers[0].States = append(x.Parsers[0].States, tag)
	s.Key = []pipeline.SelectKey{{Expr: x.field("type"), Width: 16}}
	s.Next = []pipeline.Transition{{Kind: pipeline.TransitionValue, Value: []*big.Int{big.NewInt(0x1234)}, Next: tag}, {Kind: pipeline.TransitionDefault}}
	x.Deparsers[0].Order = []*pipeline.Header{x.ethernet, g.in, g.out, x.tag}

	hash := g.calculation(x, false)
	body := []pipeline.Primitive{
		{Op: pipeline.OpHash, Args: []pipeline.Expr{g.outField(0), g.leaf(), &pipeline.CalculationRef{Calculation: hash}, g.modulus()}},
		assign(g.outField(1), x.std("checksum_error")), assign(x.std("egress_spec"), number(1))}
	if g.rng.IntN(2) == 0 {
		f := g.in.Type.Fields[0]
		body = append(body, assign(&pipeline.FieldRef{Header: g.in, Field: f}, g.leaf()))
	}
	x.action("compute", nil, body...)
	x.ingress.Start = x.call("compute")
	sum := g.calculation(x, g.rng.IntN(2) == 0)
	x.Checksums = []*pipeline.Checksum{{Name: "sum", Target: g.outField(2), Calculation: sum, Verify: true, Update: true}}
	if g.rng.IntN(3) == 0 {
		x.Checksums[0].If = &pipeline.Binary{Op: pipeline.OpLt, X: g.leaf(), Y: g.leaf()}
	}
	return x.Program
}

func (g *sumGen) outField(i int) *pipeline.FieldRef {
	return &pipeline.FieldRef{Header: g.out, Field: g.out.Type.Fields[i]}
}

func (g *sumGen) modulus() pipeline.Expr {
	if g.rng.IntN(2) == 0 {
		return g.leaf()
	}
	return &pipeline.Const{Value: g.bits(1 + g.rng.IntN(40))}
}

// calculation adds a calculation over some fields, in any order, and perhaps the payload.
func (g *sumGen) calculation(x *tiny, payload bool) *pipeline.Calculation {
	c := &pipeline.Calculation{Index: len(x.Calculations), Algo: algorithms[g.rng.IntN(len(algorithms))]}
	if g.rng.IntN(3) == 0 {
		c.Algo = "csum16"
	}
	for range 1 + g.rng.IntN(7) {
		switch g.rng.IntN(6) {
		case 0:
			w := g.width()
			c.Input = append(c.Input, &pipeline.Const{Value: g.bits(w), Width: w})
		case 1:
			c.Input = append(c.Input, fieldOf(x.tag, "value"))
		case 2:
			c.Input = append(c.Input, &pipeline.HeaderRef{Header: g.in})
		default:
			c.Input = append(c.Input, &pipeline.FieldRef{Header: g.in, Field: g.in.Type.Fields[g.rng.IntN(len(g.in.Type.Fields))]})
		}
	}
	if payload {
		at := g.rng.IntN(len(c.Input) + 1)
		c.Input = append(c.Input[:at:at], append([]pipeline.Expr{&pipeline.Payload{}}, c.Input[at:]...)...)
	}
	x.Calculations = append(x.Calculations, c)
	return c
}

// packets returns random packets, and those with the checksums that belong to them.
func (g *sumGen) packets(t *testing.T, p *pipeline.Program) [][]byte {
	sw, err := interp.New(p, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for i, packet := range g.exprGen.packets() {
		if i%3 == 0 {
			packet[12] = 0
		}
		more := make([]byte, []int{0, 1, 2, 3, 7, 64, 508, 509, 511, 512, 513, 1024, 1400}[g.rng.IntN(13)])
		for i := range more {
			more[i] = byte(g.rng.IntN(256))
		}
		packet = append(packet, more...)
		sent, err := sw.Process(0, packet)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, packet, sent[0].Packet)
	}
	return out
}

func (g *sumGen) text(p *pipeline.Program) string {
	s := g.exprGen.text()
	for _, q := range p.Actions[0].Body {
		s += q.String() + "\n"
	}
	for _, c := range p.Calculations {
		s += c.Algo + " " + pipeline.ExprString(&pipeline.List{Elems: c.Input}) + "\n"
	}
	if c := p.Checksums[0]; c.If != nil {
		s += "if " + pipeline.ExprString(c.If)
	}
	return s
}
