package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/testbed"
)

func (a *app) testCommand() *cobra.Command {
	var engine string
	var fast bool
	var form string
	bed := testbed.Bed{Open: readSource}
	cmd := &cobra.Command{
		Use:   "test {DIR | FILE | FILE.stf}...",
		Short: "Run packet tests on the interpreter and on eBPF",
		Long: `Runs packet tests: STF files that fill tables, send packets and say what must come out. A folder stands for all
tests in and below it, a program (BMv2 JSON or a package) for the tests behind it or, with none behind it, for those
named after it; NAME.stf and NAME_VARIANT.stf belong to NAME.json or NAME.p4fw. Commands of simple_switch_CLI in
NAME.cli are played in front of NAME_cli.stf.

On the engine bpf each test has ports of its own, veth pairs (taps for frames that a veth pair does not carry) in a
network namespace that goes with the test; it needs root. With --fast packets are given to the program by
BPF_PROG_TEST_RUN instead, which replicates no packets. What an engine does not support is skipped with the reason. The
default is both engines where eBPF can be used, else interp.

eBPF is compiled as --form says, with tables in memory that program and p4dev share, or with --plain-maps in the
kernel's own types of maps, as kernels before 6.9 need it. With --specialise every packet meets a program that has the
entries of its small tables in its text, with --churn entries that are being changed, each for what it is already.`,
		Example: `  p4dev test testdata/p4
  p4dev test --engine interp l3router.json
  p4dev test l3router.p4fw l3router.cli l3router_cli.stf`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			engines, err := a.testEngines(engine, fast)
			if err != nil {
				return err
			}
			if bed.Variant.Form, err = readForm(form); err != nil {
				return fmt.Errorf("run packet tests: %w", err)
			}
			return a.test(cmd.Context(), bed, engines, args)
		},
	}
	cmd.Flags().StringVar(&engine, "engine", "", "interp, bpf or both (default: both where eBPF can be used)")
	cmd.Flags().BoolVar(&fast, "fast", false, "run eBPF without network interfaces")
	cmd.Flags().BoolVar(&bed.Variant.PlainMaps, "plain-maps", false, "keep tables in the kernel's own types of maps")
	cmd.Flags().BoolVar(&bed.Variant.Specialised, "specialise", false,
		"eBPF: specialise the program for what its tables hold before every packet, where it can be")
	cmd.Flags().BoolVar(&bed.Churn, "churn", false, "eBPF: change entries while packets run, for what they are already")
	cmd.Flags().StringVar(&form, "form", "auto", "how eBPF is compiled: auto, special or general")
	return cmd
}

// readForm reads the name of a form of compiled programs.
func readForm(name string) (bpfgen.Form, error) {
	for _, f := range []bpfgen.Form{bpfgen.FormAuto, bpfgen.FormSpecial, bpfgen.FormGeneral} {
		if f.String() == name {
			return f, nil
		}
	}
	return 0, fmt.Errorf("unknown form %q: want auto, special or general", name)
}

// testEngines returns the engines that --engine and --fast name, and says so where they name none.
func (a *app) testEngines(name string, fast bool) ([]testbed.Engine, error) {
	kernel := testbed.Kernel
	if fast {
		kernel = testbed.TestRuns
	}
	switch name {
	case "interp":
		if fast {
			return nil, errors.New("run packet tests: --fast is for the engine bpf")
		}
		return []testbed.Engine{testbed.Interpreter}, nil
	case "bpf":
		return []testbed.Engine{kernel}, testbed.Available(kernel)
	case "both":
		return []testbed.Engine{testbed.Interpreter, kernel}, testbed.Available(kernel)
	case "":
	default:
		return nil, fmt.Errorf("run packet tests: unknown engine %q: want interp, bpf or both", name)
	}
	if err := testbed.Available(kernel); err != nil {
		fmt.Fprintf(a.err, "p4dev: engine interp alone: %v\n", err)
		return []testbed.Engine{testbed.Interpreter}, nil
	}
	fmt.Fprintf(a.err, "p4dev: engines interp and %s\n", kernel)
	return []testbed.Engine{testbed.Interpreter, kernel}, nil
}

// test runs the tests that paths name on engines.
func (a *app) test(ctx context.Context, bed testbed.Bed, engines []testbed.Engine, paths []string) error {
	cases, err := stf.Find(paths...)
	if err != nil {
		return err
	}
	report := testReport{Tests: []testView{}}
	for _, c := range cases {
		report.width = max(report.width, len(c.Name))
	}
	for _, c := range cases {
		for _, e := range engines {
			o := bed.Run(ctx, c, e)
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("run packet tests: %s: interrupted: %w", c.Name, err)
			}
			report.add(o)
			if !a.json {
				report.outcomeText(a.out, o)
			}
		}
	}
	err = a.render(report, report.text)
	if err == nil && report.Failed > 0 {
		err = errSilent
	}
	return err
}

// testReport is what "test -j" prints.
type testReport struct {
	Passed  int        `json:"passed"`
	Failed  int        `json:"failed"`
	Skipped int        `json:"skipped"`
	Tests   []testView `json:"tests"`
	width   int        // of the longest name
}

type testView struct {
	Name     string        `json:"name"`
	Engine   string        `json:"engine"`
	Result   string        `json:"result"`
	Reason   string        `json:"reason,omitempty"`
	Program  string        `json:"program,omitempty"`
	Files    []string      `json:"files"`
	Ports    string        `json:"ports,omitempty"`
	Sent     int           `json:"sent"`
	Received int           `json:"received"`
	Seconds  float64       `json:"seconds"`
	Failures []failureView `json:"failures,omitempty"`
}

type failureView struct {
	Line    int    `json:"line,omitempty"`
	Text    string `json:"text,omitempty"` // of what concerns no packet
	Port    uint32 `json:"port"`
	Want    string `json:"want,omitempty"`
	Got     string `json:"got,omitempty"`
	Nibbles []int  `json:"differing_nibbles,omitempty"`
}

// add counts a test.
func (r *testReport) add(o testbed.Outcome) {
	counts := map[testbed.State]*int{testbed.Passed: &r.Passed, testbed.Failed: &r.Failed, testbed.Skipped: &r.Skipped}
	*counts[o.State]++
	v := testView{Name: o.Case.Name, Engine: string(o.Engine), Result: strings.ToLower(string(o.State)), Reason: o.Reason(),
		Program: o.Case.Program, Files: o.Case.Files, Ports: o.Ports, Sent: o.Sent, Received: o.Received,
		Seconds: math.Round(o.Time.Seconds()*1000) / 1000}
	for _, f := range o.Failures {
		fv := failureView{Line: f.Line, Port: f.Port, Got: hex.EncodeToString(f.Got)}
		switch {
		case f.Want != nil:
			fv.Want, fv.Nibbles = f.Want.String(), f.Want.Differences(f.Got)
		case f.Got == nil:
			fv.Text = f.Text
		}
		v.Failures = append(v.Failures, fv)
	}
	r.Tests = append(r.Tests, v)
}

func (r testReport) text(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", r.Passed, r.Failed, r.Skipped)
	return err
}

// outcomeText writes a test's line, with the first difference below.
func (r *testReport) outcomeText(w io.Writer, o testbed.Outcome) {
	fmt.Fprintf(w, "%-4s  %-8s  %-*s  ", o.State, o.Engine, r.width, o.Case.Name)
	switch {
	case o.Err != nil:
		fmt.Fprintln(w, strings.ReplaceAll(o.Reason(), "\n", "; "))
	case len(o.Failures) > 0:
		failureText(w, filepath.Base(o.Case.Files[len(o.Case.Files)-1]), o.Failures)
	default:
		wires := ""
		if o.Ports != "" {
			wires = " over " + o.Ports
		}
		fmt.Fprintf(w, "%d packets in, %d out%s\n", o.Sent, o.Received, wires)
	}
}

// failureText writes the first of a test's failures.
func failureText(w io.Writer, file string, failures []stf.Failure) {
	f := failures[0]
	place := file
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", file, f.Line)
	}
	more := ""
	if n := len(failures) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	switch {
	case f.Want != nil && f.Got != nil:
		at := f.Want.Differences(f.Got)
		fmt.Fprintf(w, "%s: port %d: nibbles that differ: %d, the first in byte %d%s\n", place, f.Port, len(at), at[0]/2, more)
		differenceText(w, f.Want.String(), hex.EncodeToString(f.Got), f.Want.Mark(f.Got))
	case f.Want != nil:
		fmt.Fprintf(w, "%s: port %d: nothing came%s\n        want %v\n", place, f.Port, more, f.Want)
	case f.Got != nil:
		fmt.Fprintf(w, "%s: port %d: a packet that no line expects%s\n        got  %x\n", place, f.Port, more, f.Got)
	default:
		fmt.Fprintf(w, "%s: %s%s\n", place, f.Text, more)
	}
}

// differenceRow is how many nibbles stand in a row.
const differenceRow = 64

// differenceText writes the rows in which two packets differ, with marks below.
func differenceText(w io.Writer, want, got, mark string) {
	for at := 0; at < len(mark); at += differenceRow {
		marks := row(mark, at)
		if strings.TrimSpace(marks) == "" {
			continue
		}
		fmt.Fprintf(w, "        byte %-4d want %s\n                  got  %s\n                       %s\n",
			at/2, row(want, at), row(got, at), strings.TrimRight(marks, " "))
	}
}

// row returns a row's part of a text.
func row(s string, at int) string { return s[min(at, len(s)):min(at+differenceRow, len(s))] }
