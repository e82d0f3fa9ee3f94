package stf

import (
	"fmt"
	"math/big"
	"strings"
)

// scanner takes a line apart into words and symbols. It remembers the first error.
type scanner struct {
	text string
	err  error
}

func newScanner(text string) *scanner { return &scanner{text: strings.TrimSpace(text)} }

const symbols = "():,="

// peek returns the next word or symbol; "" at the end.
func (s *scanner) peek() string {
	word, _ := s.next()
	return word
}

// next returns the next word or symbol and what follows it. Quotes keep a name with other characters together.
func (s *scanner) next() (word, rest string) {
	text := strings.TrimLeft(s.text, " ")
	switch {
	case text == "":
		return "", ""
	case strings.IndexByte(symbols, text[0]) >= 0:
		return text[:1], text[1:]
	case text[0] == '"':
		if end := strings.IndexByte(text[1:], '"'); end >= 0 {
			return text[1 : 1+end], text[end+2:]
		}
	}
	end := strings.IndexAny(text, symbols+" ")
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

// word takes the next word.
func (s *scanner) word() string {
	word, rest := s.next()
	if word == "" {
		s.fail("unexpected end of line")
	}
	if len(word) == 1 && strings.Contains(symbols, word) {
		s.fail("unexpected %q", word)
	}
	s.text = rest
	return word
}

// symbol takes a symbol.
func (s *scanner) symbol(want string) {
	got, rest := s.next()
	if got != want {
		s.fail("got %q, want %q", got, want)
	}
	s.text = rest
}

// args takes "(NAME:VALUE, ...)".
func (s *scanner) args() []Pair {
	var out []Pair
	s.symbol("(")
	for s.err == nil && s.peek() != ")" {
		name := s.word()
		s.symbol(":")
		out = append(out, Pair{name, s.word()})
		if s.peek() != ")" {
			s.symbol(",")
		}
	}
	s.symbol(")")
	return out
}

// rest takes what is left, without spaces.
func (s *scanner) rest() string {
	text := strings.Join(strings.Fields(s.text), "")
	s.text = ""
	return text
}

// end returns the first error, or that something is left.
func (s *scanner) end() error {
	if word := s.peek(); word != "" {
		s.fail("unexpected %q at the end", word)
	}
	return s.err
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// value takes a number, or a number with a prefix length, around whose slash there may be blanks.
func (s *scanner) value() string {
	v := s.word()
	if !strings.HasSuffix(v, "/") {
		if next := s.peek(); !strings.HasPrefix(next, "/") {
			return v
		}
		v += s.word()
	}
	if strings.HasSuffix(v, "/") {
		v += s.word()
	}
	return v
}

// letters takes a word that a comparison may follow without a blank.
func (s *scanner) letters() string {
	text := strings.TrimLeft(s.text, " ")
	end := strings.IndexAny(text, "=!<> ")
	if end < 0 {
		end = len(text)
	}
	s.text = text[end:]
	return text[:end]
}

// condition takes a comparison.
func (s *scanner) condition() string {
	text := strings.TrimLeft(s.text, " ")
	for _, c := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if rest, ok := strings.CutPrefix(text, c); ok {
			s.text = rest
			return c
		}
	}
	s.fail("got %q, want one of == != < <= > >=", s.peek())
	return ""
}

// holds evaluates a comparison.
func holds(cond string, got, want *big.Int) bool {
	c := got.Cmp(want)
	switch cond {
	case "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}
