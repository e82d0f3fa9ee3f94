package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/p4dev/p4dev/offload"
)

// progress shows the steps of a load: on a terminal a bar that is redrawn, elsewhere plain lines. With JSON on
// standard output the lines go to standard error.
type progress struct {
	w    io.Writer
	tty  bool
	open bool   // a line is being redrawn
	last string // the message that it shows
}

func newProgress(out, errOut io.Writer, json bool) *progress {
	p := &progress{w: out}
	if json {
		p.w = errOut
	}
	if f, ok := p.w.(*os.File); ok {
		p.tty = term.IsTerminal(int(f.Fd()))
	}
	return p
}

const barWidth = 30

func (p *progress) observe(e offload.Event) {
	switch e := e.(type) {
	case offload.LoadStep:
		p.step(e)
	case offload.GateChanged:
		p.line(fmt.Sprintf("gate %s: %s", e.New.State, e.New.Reason))
	case offload.Trouble:
		p.line(fmt.Sprintf("trouble: %s: %v", e.What, e.Err))
	}
}

func (p *progress) step(s offload.LoadStep) {
	if s.Total == 0 {
		p.line(fmt.Sprintf("%-9s %s", s.Step, s.Message))
		return
	}
	if !p.tty {
		if s.Message != p.last {
			p.line(fmt.Sprintf("%-9s %s", s.Step, s.Message))
			p.last = s.Message
		}
		return
	}
	done := int(barWidth * s.Done / s.Total)
	bar := strings.Repeat("#", done) + strings.Repeat(".", barWidth-done)
	fmt.Fprintf(p.w, "\r\x1b[K%-9s [%s] %3d%% %s", s.Step, bar, 100*s.Done/s.Total, s.Message)
	p.open = true
}

func (p *progress) line(text string) {
	p.end()
	fmt.Fprintln(p.w, text)
}

// end finishes the line that is being redrawn.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.w)
		p.open = false
	}
}

// journal returns the logger of a service: where systemd reads its standard error, lines carry a priority in
// the place of time and level, which the journal has of its own.
func (a *app) journal() *slog.Logger {
	if os.Getenv("JOURNAL_STREAM") == "" {
		return slog.New(slog.NewTextHandler(a.err, nil))
	}
	priority := func(_ []string, at slog.Attr) slog.Attr {
		if at.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return at
	}
	return slog.New(slog.NewTextHandler(journalWriter{a.err}, &slog.HandlerOptions{ReplaceAttr: priority}))
}

// journalWriter turns the level that a line begins with into the priority that systemd takes off it (sd-daemon(3)).
type journalWriter struct{ w io.Writer }

func (j journalWriter) Write(line []byte) (int, error) {
	text := string(line)
	for level, prefix := range map[string]string{"ERROR": "<3>", "WARN": "<4>", "INFO": "<6>", "DEBUG": "<7>"} {
		if rest, ok := strings.CutPrefix(text, "level="+level+" "); ok {
			text = prefix + rest
			break
		}
	}
	if _, err := io.WriteString(j.w, text); err != nil {
		return 0, err
	}
	return len(line), nil
}
