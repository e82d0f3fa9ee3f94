package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/interp/tracetext"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/testbed"
)

// traceFlags are the flags of "trace".
type traceFlags struct {
	port    uint32
	packet  string
	entries []string
}

func (a *app) traceCommand() *cobra.Command {
	var f traceFlags
	cmd := &cobra.Command{
		Use:   "trace FILE --port N --packet HEX",
		Short: "Show step by step what a program does with a packet",
		Long: `Sends one packet through a program, a package or BMv2 JSON, in the interpreter, and shows what the program does with
it: parser states with the headers they extract, tables with key, entry, action and arguments, conditions, every field
that changes, checksums, where the packet goes, and what comes out. Needs no device and no privilege.

Tables are as the program has them, with what the files of --entries add: packet test files (.stf), of which packets and
expectations do not count, or simple_switch_CLI commands (.cli).`,
		Example: `  p4dev trace l3router.json --entries l3router.stf --port 1 --packet 0200000000010200...
  p4dev -j trace l3router.p4fw --port 1 --packet 0200000000010200...`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.trace(cmd.Context(), args[0], f) },
	}
	fl := cmd.Flags()
	fl.Uint32Var(&f.port, "port", 0, "P4 port that the packet comes in on")
	fl.StringVar(&f.packet, "packet", "", "the packet in hexadecimal; blanks and colons do not count")
	fl.StringArrayVar(&f.entries, "entries", nil, "file with entries, .stf or .cli; may be given several times, in order")
	for _, name := range []string{"port", "packet"} {
		_ = cmd.MarkFlagRequired(name) // it is defined
	}
	return cmd
}

func (a *app) trace(ctx context.Context, path string, f traceFlags) error {
	packet, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "\n", "", "\t", "").Replace(f.packet))
	if err != nil {
		return fmt.Errorf("read --packet: %w", err)
	}
	program, err := readProgram(path)
	if err != nil {
		return err
	}
	sw, err := interp.New(program, interp.Options{})
	if err != nil {
		return err
	}
	if err := configure(ctx, sw, f.entries); err != nil {
		return err
	}
	t, failed := tracetext.Record(sw, f.port, packet)
	return errors.Join(a.render(t, t.Text), failed)
}

// configure gives the interpreter the entries of files.
func configure(ctx context.Context, sw *interp.Switch, files []string) error {
	engine := testbed.InterpreterEngine(ctx, sw)
	for _, file := range files {
		test, err := stf.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := stf.Run(ctx, test.Configuration(), engine); err != nil {
			return err
		}
	}
	return nil
}
