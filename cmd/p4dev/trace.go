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
	engine  string
	ddp     string
	ddpFlags
}

func (a *app) traceCommand() *cobra.Command {
	var f traceFlags
	cmd := &cobra.Command{
		Use:   "trace {FILE --port N | --ddp FILE} --packet HEX",
		Short: "Show step by step what a program does with a packet",
		Long: `Sends one packet through a program, a package or BMv2 JSON, in the interpreter, and shows what the program does with
it: parser states with the headers they extract, tables with key, entry, action and arguments, conditions, every field
that changes, checksums, where the packet goes, and what comes out. Needs no device and no privilege.

With --engine bpf the program runs in the kernel, in general form, and writes what it does into a buffer as it goes. That
shows the same but for checksums that stay as they are and arguments of members of an action profile. It needs root.

Tables are as the program has them, with what the files of --entries add: packet test files (.stf), of which packets and
expectations do not count, or simple_switch_CLI commands (.cli).

With --ddp the packet goes through the receive parser of a DDP package instead, as Intel's E810 and E830 adapters run it:
rounds with boost entry, way through the parse graph, headers, markers and flags, then the packet type, and the profile that
each lookup block selects.`,
		Example: `  p4dev trace l3router.json --entries l3router.stf --port 1 --packet 0200000000010200...
  p4dev -j trace l3router.p4fw --port 1 --packet 0200000000010200...
  p4dev trace --ddp ice.pkg --packet 0200000000010200...`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.ddp != "" {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.ddp != "" {
				return a.traceDDP(f)
			}
			return a.trace(cmd.Context(), args[0], f)
		},
	}
	fl := cmd.Flags()
	fl.Uint32Var(&f.port, "port", 0, "P4 port that the packet comes in on")
	fl.StringVar(&f.packet, "packet", "", "the packet in hexadecimal; blanks and colons do not count")
	fl.StringVar(&f.engine, "engine", "interp", "interp or bpf")
	fl.StringArrayVar(&f.entries, "entries", nil, "file with entries, .stf or .cli; may be given several times, in order")
	fl.StringVar(&f.ddp, "ddp", "", "DDP package whose parser runs, in place of a program")
	f.addSegment(cmd)
	f.addSettings(cmd)
	_ = cmd.MarkFlagRequired("packet") // it is defined
	cmd.MarkFlagsOneRequired("ddp", "port")
	cmd.MarkFlagsMutuallyExclusive("ddp", "port")
	cmd.MarkFlagsMutuallyExclusive("ddp", "entries")
	cmd.MarkFlagsMutuallyExclusive("ddp", "engine")
	return cmd
}

// readPacket reads a packet in hexadecimal.
func readPacket(text string) ([]byte, error) {
	packet, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "\n", "", "\t", "").Replace(text))
	if err != nil {
		return nil, fmt.Errorf("read --packet: %w", err)
	}
	return packet, nil
}

func (a *app) trace(ctx context.Context, path string, f traceFlags) error {
	packet, err := readPacket(f.packet)
	if err != nil {
		return err
	}
	switch f.engine {
	case "interp":
	case "bpf":
		return a.traceKernel(ctx, path, f, packet)
	default:
		return fmt.Errorf("trace: unknown engine %q: want interp or bpf", f.engine)
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

// traceKernel is trace on eBPF.
func (a *app) traceKernel(ctx context.Context, path string, f traceFlags, packet []byte) error {
	if err := testbed.Available(testbed.Kernel); err != nil {
		return err
	}
	source, err := readSource(path)
	if err != nil {
		return err
	}
	var tests []*stf.Test
	for _, file := range f.entries {
		test, err := stf.ReadFile(file)
		if err != nil {
			return err
		}
		tests = append(tests, test)
	}
	t, err := testbed.TraceKernel(ctx, source, tests, f.port, packet)
	if err != nil {
		return err
	}
	return a.render(t, t.Text)
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
