package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// The exit statuses, as users of firmware managers know them.
const (
	exitDone    = 0
	exitFailed  = 1
	exitNothing = 2
	exitMissing = 3
)

// errMissing marks what the user named and what is not there: exit status 3.
var errMissing = errors.New("not found")

// errNothing marks what there was no need to do: exit status 2.
var errNothing = errors.New("nothing to do")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: arguments in, exit status out. It is what command transcripts test.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := newApp(in, out, errOut)
	root := a.rootCommand(args...)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, a.close())
	if err == nil {
		return exitDone
	}
	if !errors.Is(err, errSilent) {
		printError(errOut, err)
	}
	return exitStatus(err)
}

// printError writes an error for people: of a load what happened, what state that left, and what to do, each on a
// line of its own.
func printError(w io.Writer, err error) {
	var load *offload.LoadError
	if !errors.As(err, &load) || load.Error() != err.Error() { // alone, with nothing joined to it
		fmt.Fprintf(w, "p4dev: %v\n", err)
		return
	}
	fmt.Fprintf(w, "p4dev: %s: %s\n", load.Step, strings.ReplaceAll(load.Err.Error(), "\n", "; "))
	fmt.Fprintf(w, "  state: %s\n", load.State)
	if load.Next != "" {
		fmt.Fprintf(w, "  next:  %s\n", load.Next)
	}
}

// errSilent ends a command whose result has been rendered already.
var errSilent = errors.New("already reported")

func exitStatus(err error) int {
	if code, ok := exitOf(err); ok {
		return code
	}
	switch {
	case errors.Is(err, offload.ErrNothingToDo), errors.Is(err, errNothing):
		return exitNothing
	case errors.Is(err, errMissing), errors.Is(err, fs.ErrNotExist), errors.Is(err, pipeline.ErrNotFound),
		errors.Is(err, pipeline.ErrNoTable):
		return exitMissing
	}
	return exitFailed
}
