package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/p4dev/p4dev/offload"
)

// progress shows the steps of a load: on a terminal a line that is redrawn with a bar and a clock, elsewhere plain
// lines. With JSON on standard output the lines go to standard error.
type progress struct {
	w   io.Writer
	tty bool

	mu    sync.Mutex // guards what follows
	last  string     // the message that was shown last
	shown string     // the line that is being redrawn, without its clock; "": none
	clock clock
	stop  chan struct{} // ends the goroutine that moves the clock; nil: there is none
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
	p.mu.Lock()
	defer p.mu.Unlock()
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
	message := s.Message
	if s.Component != "" {
		message = "[" + s.Component + "] " + message
	}
	if s.Step != offload.StepFlash {
		p.line(fmt.Sprintf("%-9s %s", s.Step, message))
		return
	}
	if message != p.last || s.Timeout != p.clock.timeout {
		p.clock = clock{since: time.Now(), timeout: s.Timeout}
	}
	if p.tty {
		p.draw(s, message)
	} else if message != p.last {
		p.line(fmt.Sprintf("%-9s %s", s.Step, message) + p.clock.announced())
	}
	p.last = message
}

// draw redraws the line of a terminal.
func (p *progress) draw(s offload.LoadStep, message string) {
	bar := ""
	if s.Total > 0 {
		done := int(barWidth * min(s.Done, s.Total) / s.Total)
		bar = fmt.Sprintf("[%s%s] %3d%% ", strings.Repeat("#", done), strings.Repeat(".", barWidth-done), 100*s.Done/s.Total)
	}
	if p.shown != "" && message != p.last {
		fmt.Fprintln(p.w)
	}
	p.shown = fmt.Sprintf("%-9s %s%s", s.Step, bar, message)
	p.redraw()
	if p.stop == nil {
		p.stop = make(chan struct{})
		go p.tick(p.stop)
	}
}

// redraw writes the open line anew, with the clock of this moment. The caller holds the lock.
func (p *progress) redraw() { fmt.Fprintf(p.w, "\r\x1b[K%s%s", p.shown, p.clock.text(time.Now())) }

// tick moves the clock on until it is stopped.
func (p *progress) tick(stop chan struct{}) {
	seconds := time.NewTicker(time.Second)
	defer seconds.Stop()
	for {
		select {
		case <-stop:
			return
		case <-seconds.C:
		}
		p.mu.Lock()
		if p.shown != "" && p.stop == stop {
			p.redraw()
		}
		p.mu.Unlock()
	}
}

func (p *progress) line(text string) {
	p.finish()
	fmt.Fprintln(p.w, text)
}

// finish ends the line that is being redrawn. The caller holds the lock.
func (p *progress) finish() {
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
	if p.shown != "" {
		fmt.Fprintln(p.w)
		p.shown = ""
	}
}

// end finishes the line that is being redrawn.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

// clock says how long a step of a device has lasted, and how long the driver said it may last.
type clock struct {
	since   time.Time
	timeout time.Duration // 0: not announced
}

// clockAfter is how long a step lasts before its time is shown where the driver announced none.
const clockAfter = 2 * time.Second

// text is what stands behind a step at a time: " (12s of 25m0s)"; "" while nobody minds.
func (c clock) text(now time.Time) string {
	passed := now.Sub(c.since).Truncate(time.Second)
	switch {
	case c.timeout > 0 && passed > c.timeout:
		return fmt.Sprintf(" (%v, longer than the announced %v)", passed, c.timeout)
	case c.timeout > 0:
		return fmt.Sprintf(" (%v of %v)", passed, c.timeout)
	case passed > clockAfter:
		return fmt.Sprintf(" (%v)", passed)
	}
	return ""
}

// announced is what the driver said, for output that is not redrawn.
func (c clock) announced() string {
	if c.timeout == 0 {
		return ""
	}
	return fmt.Sprintf(" (up to %v)", c.timeout)
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
