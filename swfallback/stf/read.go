package stf

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"strconv"
	"strings"
)

// Test is a packet test: its statements in the order of the file.
type Test struct {
	Name       string
	Statements []Statement

	names map[Statement]string // of the tests that Join took statements from
}

// place returns the file's name and the line of a statement.
func (t *Test) place(s Statement) string {
	name, ok := t.names[s]
	if !ok {
		name = t.Name
	}
	return fmt.Sprintf("%s:%d", name, s.Pos())
}

// Statement is one line of a Test: *Add, *SetDefault, *RemoveAll, *Packet, *Expect, *NoPacket, *CheckCounter,
// *CheckRegister, *ExpectDigest, *Wait or *Command.
type Statement interface{ Pos() int }

// line is a statement's line in its file, from 1.
type line int

// Pos returns the statement's line, from 1.
func (l line) Pos() int { return int(l) }

// Pair is NAME:VALUE, a component of a key or an argument. The value may have wildcards and a prefix length.
type Pair struct{ Name, Value string }

// Call is an action with its arguments.
type Call struct {
	Action string
	Args   []Pair
}

// The statements.
type (
	// Add adds an entry. Components of the key that Match leaves out match anything, or 0 where they are exact.
	Add struct {
		line
		Table    string
		Priority *int // the larger wins
		Match    []Pair
		Call     Call
		Label    string // for CheckCounter
	}
	// SetDefault sets a table's default action.
	SetDefault struct {
		line
		Table string
		Call  Call
	}
	// RemoveAll removes the entries of all tables.
	RemoveAll struct{ line }
	// Packet sends a packet.
	Packet struct {
		line
		Port uint32
		Data []byte
	}
	// Expect wants a packet.
	Expect struct {
		line
		Port    uint32
		Pattern Pattern
	}
	// NoPacket says that nothing comes out but what is expected, of any port.
	NoPacket struct{ line }
	// CheckCounter compares an element of a counter. Index is a number, or $LABEL of an entry.
	CheckCounter struct {
		line
		Counter string
		Index   string
		Bytes   bool   // bytes, else packets
		Cond    string // ==, !=, <, <=, >, >=; "": the counter exists
		Value   uint64
	}
	// CheckRegister compares an element of a register. p4c has no such statement.
	CheckRegister struct {
		line
		Register string
		Index    int
		Cond     string // ==, !=, <, <=, >, >=
		Value    *big.Int
	}
	// ExpectDigest wants a digest. Where a test has one, it names all digests, in order. p4c has no such statement.
	ExpectDigest struct {
		line
		Digest string
		Values []*big.Int // of its elements
	}
	// Wait waits until all packets are through.
	Wait struct{ line }
	// Command is a simple_switch_CLI command.
	Command struct {
		line
		Name string
		Args []string
	}
)

// A SyntaxError is a line that cannot be read.
type SyntaxError struct {
	Name string
	Line int
	Err  error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("stf: read %s:%d: %v", e.Name, e.Line, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// Read reads a test in STF. Errors are *SyntaxError.
func Read(name string, data []byte) (*Test, error) {
	return read(name, data, func(n line, text string) (Statement, error) {
		word, rest, _ := strings.Cut(text, " ")
		parse := statements[strings.ToLower(word)]
		if parse == nil {
			if !commands.has(strings.ToLower(word)) {
				return nil, fmt.Errorf("no such statement: %q", word)
			}
			return &Command{n, strings.ToLower(word), strings.Fields(rest)}, nil
		}
		return parse(n, newScanner(rest))
	})
}

// ReadCommands reads a file of simple_switch_CLI commands. Errors are *SyntaxError.
func ReadCommands(name string, data []byte) (*Test, error) {
	return read(name, data, func(n line, text string) (Statement, error) {
		words := strings.Fields(text)
		if !commands.has(words[0]) {
			return nil, fmt.Errorf("no such command: %q", words[0])
		}
		return &Command{n, words[0], words[1:]}, nil
	})
}

func read(name string, data []byte, parse func(line, string) (Statement, error)) (*Test, error) {
	t := &Test{Name: name}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		text, _, _ := strings.Cut(lines.Text(), "#")
		text = strings.TrimSpace(strings.ReplaceAll(text, "\t", " "))
		if text == "" {
			continue
		}
		s, err := parse(line(n), text)
		if err != nil {
			return nil, &SyntaxError{name, n, err}
		}
		t.Statements = append(t.Statements, s)
	}
	if err := lines.Err(); err != nil {
		return nil, &SyntaxError{name, n + 1, err}
	}
	return t, nil
}

// Join returns the statements of several tests as one: commands first, then the packets that go with them.
func Join(name string, tests ...*Test) *Test {
	out := &Test{Name: name, names: map[Statement]string{}}
	for _, t := range tests {
		out.Statements = append(out.Statements, t.Statements...)
		for _, s := range t.Statements {
			out.names[s] = t.Name
		}
		maps.Copy(out.names, t.names)
	}
	return out
}

// statements by their first word.
var statements = map[string]func(line, *scanner) (Statement, error){
	"add":            readAdd,
	"setdefault":     readSetDefault,
	"remove":         readRemove,
	"packet":         readPacket,
	"expect":         readExpect,
	"no_packet":      func(n line, s *scanner) (Statement, error) { return &NoPacket{n}, s.end() },
	"check_counter":  readCheckCounter,
	"check_register": readCheckRegister,
	"expect_digest":  readExpectDigest,
	"wait":           func(n line, s *scanner) (Statement, error) { return &Wait{n}, s.end() },
}

func readAdd(n line, s *scanner) (Statement, error) {
	a := &Add{line: n, Table: s.word()}
	if p, err := strconv.Atoi(s.peek()); err == nil {
		s.word()
		a.Priority = &p
	}
	for s.err == nil {
		name := s.word()
		if s.peek() == "(" {
			a.Call = Call{name, s.args()}
			break
		}
		s.symbol(":")
		a.Match = append(a.Match, Pair{name, s.value()})
	}
	if s.peek() == "=" {
		s.symbol("=")
		a.Label = s.word()
	}
	return a, s.end()
}

func readSetDefault(n line, s *scanner) (Statement, error) {
	return &SetDefault{n, s.word(), Call{s.word(), s.args()}}, s.end()
}

func readRemove(n line, s *scanner) (Statement, error) {
	if what := s.word(); !strings.EqualFold(what, "all") {
		return nil, fmt.Errorf("remove %q: want all", what)
	}
	return &RemoveAll{n}, s.end()
}

func readPort(s *scanner) (uint32, error) {
	word := s.word()
	port, err := strconv.ParseUint(word, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("port %q: not a number", word)
	}
	return uint32(port), nil
}

func readPacket(n line, s *scanner) (Statement, error) {
	port, err := readPort(s)
	if err != nil {
		return nil, err
	}
	data, err := hex.DecodeString(s.rest())
	if err != nil {
		return nil, fmt.Errorf("packet data: %w", err)
	}
	return &Packet{n, port, data}, nil
}

func readExpect(n line, s *scanner) (Statement, error) {
	port, err := readPort(s)
	if err != nil {
		return nil, err
	}
	pattern, err := ParsePattern(s.rest())
	return &Expect{n, port, pattern}, err
}

// Pattern is what a packet is compared with.
type Pattern struct {
	Any    bool   // any packet
	Nibble []byte // one hexadecimal digit per element, wildcard where it does not matter
	Exact  bool   // the packet ends with the pattern
}

// wildcard is a nibble that does not matter.
const wildcard = 0xff

// ParsePattern reads the bytes of an expect: hexadecimal digits, * for any digit, $ at the end for the end of
// the packet. Spaces do not count; nothing at all is a pattern for any packet.
func ParsePattern(text string) (Pattern, error) {
	text = strings.Join(strings.Fields(text), "")
	if text == "" {
		return Pattern{Any: true}, nil
	}
	var p Pattern
	text, p.Exact = strings.CutSuffix(text, "$")
	for _, c := range []byte(text) {
		if c == '*' {
			p.Nibble = append(p.Nibble, wildcard)
			continue
		}
		digit, err := strconv.ParseUint(string(rune(c)), 16, 4)
		if err != nil {
			return Pattern{}, fmt.Errorf("packet data: %q is not a digit", c)
		}
		p.Nibble = append(p.Nibble, byte(digit))
	}
	return p, nil
}

// Match reports whether a packet fits the pattern.
func (p Pattern) Match(packet []byte) bool {
	if p.Any {
		return true
	}
	if 2*len(packet) < len(p.Nibble) || p.Exact && 2*len(packet) != len(p.Nibble) {
		return false
	}
	for i, want := range p.Nibble {
		got := packet[i/2] >> 4
		if i%2 == 1 {
			got = packet[i/2] & 0xf
		}
		if want != wildcard && want != got {
			return false
		}
	}
	return true
}

// String returns the pattern as an expect has it.
func (p Pattern) String() string {
	if p.Any {
		return ""
	}
	var b strings.Builder
	for _, n := range p.Nibble {
		if n == wildcard {
			b.WriteByte('*')
			continue
		}
		b.WriteByte(hexDigits[n])
	}
	if p.Exact {
		b.WriteByte('$')
	}
	return b.String()
}
