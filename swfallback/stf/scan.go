package stf

import (
	"fmt"
	"strings"
)

// scanner takes a line apart into words and symbols. It remembers the first error.
type scanner struct {
	text string
	err  error
}

func newScanner(text string) *scanner { return &scanner{text: strings.TrimSpace(text)} }

const symbols = "():,"

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

// conditions of check_counter.
var conditions = map[string]func(got, want uint64) bool{
	"==": func(got, want uint64) bool { return got == want },
	"!=": func(got, want uint64) bool { return got != want },
	"<":  func(got, want uint64) bool { return got < want },
	"<=": func(got, want uint64) bool { return got <= want },
	">":  func(got, want uint64) bool { return got > want },
	">=": func(got, want uint64) bool { return got >= want },
}

func validCond(c string) bool { return conditions[c] != nil }
