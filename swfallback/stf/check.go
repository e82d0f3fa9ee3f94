package stf

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// element takes "NAME(INDEX)".
func (s *scanner) element() (name, index string) {
	name = s.word()
	s.symbol("(")
	index = s.word()
	s.symbol(")")
	return name, index
}

func readCheckCounter(n line, s *scanner) (Statement, error) {
	c := &CheckCounter{line: n}
	c.Counter, c.Index = s.element()
	if s.err != nil || s.peek() == "" {
		return c, s.end()
	}
	switch unit := strings.ToLower(s.letters()); unit {
	case "bytes":
		c.Bytes = true
	case "packets":
	default:
		return nil, fmt.Errorf("counter type %q: want bytes or packets", unit)
	}
	c.Cond = s.condition()
	value := s.word()
	var err error
	if c.Value, err = strconv.ParseUint(value, 0, 64); err != nil {
		s.fail("value %q: not a number", value)
	}
	return c, s.end()
}

// readCheckRegister reads "check_register NAME(INDEX) == VALUE".
func readCheckRegister(n line, s *scanner) (Statement, error) {
	c := &CheckRegister{line: n}
	var index string
	c.Register, index = s.element()
	var err error
	if c.Index, err = strconv.Atoi(index); err != nil {
		s.fail("index %q: not a number", index)
	}
	c.Cond = s.condition()
	value := s.word()
	var ok bool
	if c.Value, ok = new(big.Int).SetString(value, 0); !ok {
		s.fail("value %q: not a number", value)
	}
	return c, s.end()
}

// readExpectDigest reads "expect_digest NAME VALUE...".
func readExpectDigest(n line, s *scanner) (Statement, error) {
	d := &ExpectDigest{line: n, Digest: s.word()}
	for s.err == nil && s.peek() != "" {
		word := s.word()
		v, ok := new(big.Int).SetString(word, 0)
		if !ok || v.Sign() < 0 {
			s.fail("value %q: not a number", word)
		}
		d.Values = append(d.Values, v)
	}
	return d, s.end()
}

func (r *runner) checkCounter(s *CheckCounter) error {
	c, err := r.counter(s.Counter)
	if err != nil {
		return err
	}
	count, err := r.readCounter(c, s.Index)
	if err != nil || s.Cond == "" {
		return err
	}
	got, unit := count.Packets, "packets"
	if s.Bytes {
		got, unit = count.Bytes, "bytes"
	}
	if !holds(s.Cond, new(big.Int).SetUint64(got), new(big.Int).SetUint64(s.Value)) {
		r.fail(s.Pos(), "counter %s(%s): %d %s, want %s %d", s.Counter, s.Index, got, unit, s.Cond, s.Value)
	}
	return nil
}

// readCounter reads an element of an array by number, or a direct counter by the entry's label or number.
func (r *runner) readCounter(c *pipeline.Counter, index string) (pipeline.Count, error) {
	label, isLabel := strings.CutPrefix(index, "$")
	if c.Table == nil {
		n, err := strconv.Atoi(index)
		if err != nil {
			return pipeline.Count{}, fmt.Errorf("index %q: not a number", index)
		}
		return r.target.ReadCounter(c, n)
	}
	entry := r.labels[label]
	if !isLabel {
		var err error
		if entry, err = r.entryByHandle(c.Table, index); err != nil {
			return pipeline.Count{}, err
		}
	}
	if entry == nil {
		return pipeline.Count{}, fmt.Errorf("no entry is called %q: %w", label, pipeline.ErrNotFound)
	}
	states, err := r.target.Entries(c.Table)
	if err != nil {
		return pipeline.Count{}, err
	}
	for _, s := range states {
		if pipeline.EntryKey(s.Entry) == pipeline.EntryKey(entry) {
			return s.Count, nil
		}
	}
	return pipeline.Count{}, fmt.Errorf("entry %s: %w", index, pipeline.ErrNotFound)
}

func (r *runner) checkRegister(s *CheckRegister) error {
	target, reg, err := r.register(s.Register)
	if err != nil {
		return err
	}
	got, err := target.ReadRegister(reg, s.Index)
	if err == nil && !holds(s.Cond, got, s.Value) {
		r.fail(s.Pos(), "register %s(%d): %v, want %s %v", s.Register, s.Index, got, s.Cond, s.Value)
	}
	return err
}

// Digest is a digest that came out.
type Digest struct {
	Digest *pipeline.Digest
	Values [][]byte // of its elements, big-endian
}

// Digester is a Wire that also carries digests.
type Digester interface {
	// Digests returns the digests so far, in order. It waits a little for as many as are wanted.
	Digests(ctx context.Context, want int) ([]Digest, error)
}

// compareDigests holds the digests against those that a test expects, if it expects any.
func (r *runner) compareDigests(ctx context.Context, all []Statement) error {
	var want []*ExpectDigest
	for _, s := range all {
		if d, ok := s.(*ExpectDigest); ok {
			want = append(want, d)
		}
	}
	if want == nil {
		return nil
	}
	wire, ok := r.wire.(Digester)
	if !ok {
		return errNoDigests
	}
	got, err := wire.Digests(ctx, len(want))
	if err != nil {
		return err
	}
	for i, w := range want {
		if i >= len(got) {
			r.fail(w.Pos(), "digest %s: nothing came", w.Digest)
			continue
		}
		if !w.equals(got[i]) {
			r.fail(w.Pos(), "digest %d: got %v", i, got[i])
		}
	}
	for _, d := range got[min(len(want), len(got)):] {
		r.fail(0, "digest that no line expects: %v", d)
	}
	return nil
}

func (w *ExpectDigest) equals(d Digest) bool {
	if !strings.HasSuffix(d.Digest.Name, w.Digest) || len(w.Values) != len(d.Values) {
		return false
	}
	for i, v := range w.Values {
		if v.Cmp(new(big.Int).SetBytes(d.Values[i])) != 0 {
			return false
		}
	}
	return true
}

// String returns the digest as an expect_digest has it.
func (d Digest) String() string {
	words := []string{d.Digest.Name}
	for _, v := range d.Values {
		words = append(words, fmt.Sprintf("0x%x", v))
	}
	return strings.Join(words, " ")
}
