package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: arguments in, exit status out. It is what command transcripts test.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := newApp(in, out, errOut)
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, a.close())
	if err == nil {
		return exitDone
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(errOut, "p4dev: %v\n", err)
	}
	return exitStatus(err)
}

// errSilent ends a command whose result has been rendered already.
var errSilent = errors.New("already reported")

func exitStatus(err error) int {
	switch {
	case errors.Is(err, offload.ErrNothingToDo):
		return exitNothing
	case errors.Is(err, errMissing), errors.Is(err, fs.ErrNotExist), errors.Is(err, pipeline.ErrNotFound),
		errors.Is(err, pipeline.ErrNoTable):
		return exitMissing
	}
	return exitFailed
}
