package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of the tests.
const patience = 30 * time.Second

// buffer is what a running command has written so far.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// running is a command that goes on: in a process of its own, or in a goroutine of the test's.
type running struct {
	t         *testing.T
	line      string
	out, err  buffer
	pid       int // of its own process; 0: it has none
	interrupt func()
	killed    atomic.Bool
	done      chan struct{} // closed when it has ended
	code      int           // afterwards; -1: by a signal
}

// start runs a command in a process of its own, in the place. It is ended with the test at the latest.
func (p *place) start(args ...string) *running {
	p.t.Helper()
	r := &running{t: p.t, line: "p4dev " + quoted(args), done: make(chan struct{})}
	cmd := exec.Command("/proc/self/exe", append(p.flags[:len(p.flags):len(p.flags)], args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdout, cmd.Stderr = &r.out, &r.err
	p.must(cmd.Start())
	r.pid = cmd.Process.Pid
	r.interrupt = func() { cmd.Process.Signal(syscall.SIGINT) }
	go func() {
		defer close(r.done)
		err := cmd.Wait()
		if r.code = cmd.ProcessState.ExitCode(); r.code < 0 && !r.killed.Load() {
			p.t.Errorf("%s: %v", r.line, err)
		}
	}()
	p.t.Cleanup(func() {
		r.interrupt()
		select {
		case <-r.done:
		case <-time.After(patience):
			cmd.Process.Kill()
			p.t.Errorf("%s: does not end after SIGINT", r.line)
			<-r.done
		}
	})
	return r
}

// goRun runs a command in a goroutine.
func (p *place) goRun(args ...string) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: p.t, line: "p4dev " + quoted(args), done: make(chan struct{}), interrupt: cancel}
	go func() {
		defer close(r.done)
		r.code = run(ctx, append(p.flags[:len(p.flags):len(p.flags)], args...), strings.NewReader(""), &r.out, &r.err)
	}()
	p.t.Cleanup(func() { cancel(); <-r.done })
	return r
}

// await waits until the command has written a text.
func (r *running) await(text string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if strings.Contains(r.out.String()+r.err.String(), text) {
			return
		}
		select {
		case <-r.done:
			r.t.Fatalf("%s ended with %d before it said %q:\n%s", r.line, r.code, text, r.out.String()+r.err.String())
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s did not say %q:\n%s", r.line, text, r.out.String()+r.err.String())
		}
	}
}

// kill ends the command's process as a crash does.
func (r *running) kill() {
	r.t.Helper()
	r.killed.Store(true)
	if err := syscall.Kill(r.pid, syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
	<-r.done
}

// end waits for the command, after an interrupt if asked for, and returns what it left.
func (r *running) end(interrupt bool) result {
	r.t.Helper()
	if interrupt {
		r.interrupt()
	}
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatalf("%s does not end:\n%s", r.line, r.out.String()+r.err.String())
	}
	return result{r.line, r.out.String(), r.err.String(), r.code}
}
