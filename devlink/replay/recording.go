package replay

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// A Direction is which way a datagram went.
type Direction byte

// The directions, as a recording writes them.
const (
	Request Direction = '>' // from the client
	Reply   Direction = '<' // to the client, notifications among them
)

// A Step is one datagram.
type Step struct {
	Endpoint  int // number of the endpoint, from 1
	Direction Direction
	Data      []byte
}

// An Exchange is what one call of the client made of datagrams.
type Exchange struct {
	Name  string
	Steps []Step
}

// A Recording is a sequence of exchanges.
type Recording struct {
	Comment   string // one line: kernel, device
	Exchanges []Exchange
}

// Find returns the exchange of that name, nil where there is none.
func (r *Recording) Find(name string) *Exchange {
	for i := range r.Exchanges {
		if r.Exchanges[i].Name == name {
			return &r.Exchanges[i]
		}
	}
	return nil
}

// lineBytes is how many bytes a line of a recording holds.
const lineBytes = 48

// WriteTo writes the recording as text: a line "== NAME" begins an exchange; a datagram is a line with the number of
// the endpoint, the direction and bytes in hexadecimal, and further lines of bytes that begin with a space; lines that
// begin with # say in words what it is, and are not read.
func (r *Recording) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", r.Comment)
	for _, e := range r.Exchanges {
		fmt.Fprintf(&b, "\n== %s\n", e.Name)
		for _, s := range e.Steps {
			arrow := map[Direction]string{Request: "->", Reply: "<-"}[s.Direction]
			for line := range strings.Lines(devlink.FormatDatagram(arrow, s.Data)) {
				b.WriteString("# " + line)
			}
			fmt.Fprintf(&b, "%d%c", s.Endpoint, s.Direction)
			for data := s.Data; len(data) > 0; {
				n := min(len(data), lineBytes)
				fmt.Fprintf(&b, " %s\n", hex.EncodeToString(data[:n]))
				data = data[n:]
			}
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// Read reads what WriteTo wrote. An error names the line.
func Read(in io.Reader) (*Recording, error) {
	r := &Recording{}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		if err := r.line(lines.Text()); err != nil {
			return nil, fmt.Errorf("replay: read line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("replay: read: %w", err)
	}
	return r, nil
}

func (r *Recording) line(text string) error {
	switch {
	case strings.HasPrefix(text, "# ") && r.Comment == "" && len(r.Exchanges) == 0:
		r.Comment = text[2:]
		return nil
	case text == "" || text[0] == '#':
		return nil
	case strings.HasPrefix(text, "== "):
		r.Exchanges = append(r.Exchanges, Exchange{Name: text[3:]})
		return nil
	case len(r.Exchanges) == 0:
		return fmt.Errorf("%.40q stands before the first exchange", text)
	}
	e := &r.Exchanges[len(r.Exchanges)-1]
	if text[0] != ' ' {
		head, rest, _ := strings.Cut(text, " ")
		number, err := strconv.Atoi(strings.TrimRight(head, "<>"))
		if err != nil || len(head) < 2 {
			return fmt.Errorf("%.40q: want a number and a direction", head)
		}
		e.Steps = append(e.Steps, Step{Endpoint: number, Direction: Direction(head[len(head)-1])})
		text = " " + rest
	}
	if len(e.Steps) == 0 {
		return fmt.Errorf("%.40q continues no datagram", text)
	}
	data, err := hex.DecodeString(text[1:])
	if err != nil {
		return err
	}
	s := &e.Steps[len(e.Steps)-1]
	s.Data = append(s.Data, data...)
	return nil
}
