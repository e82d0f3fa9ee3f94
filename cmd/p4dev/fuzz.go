package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/stf/testbed"
)

// fuzzFlags are the flags of "fuzz".
type fuzzFlags struct {
	seed    uint64
	first   uint64
	count   uint64
	time    time.Duration
	packets int
	ports   bool
	out     string
}

func (a *app) fuzzCommand() *cobra.Command {
	var f fuzzFlags
	cmd := &cobra.Command{
		Use:   "fuzz {DIR | FILE}...",
		Short: "Look for differences between the interpreter and eBPF",
		Long: `Makes entries from the types of a program's tables and packets from walks through its parser, runs them on the
interpreter and on eBPF, and stops at the first difference in packets, ports, order, entries, counters, registers or
digests. What it finds is made as small as it can be and written as a packet test, which "p4dev test" runs. A folder
stands for all programs in and below it; --time and --count are shared out among several programs.

The same seed and the same program make the same cases. Packets are given to the program by BPF_PROG_TEST_RUN; with
--ports, and where the program copies packets, they go over network interfaces in a namespace of their own. Programs
are compiled in both forms in turn, with their tables in shared memory and in the kernel's own maps. It needs root.

Exit status: 0 no difference, 1 a difference or a failure.`,
		Example: `  p4dev fuzz --time 60s l3router.json
  p4dev fuzz --seed 7 --first 1234 --count 1 l3router.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("seed") {
				f.seed = rand.Uint64() >> 32
			}
			return a.fuzz(cmd.Context(), args, f)
		},
	}
	fl := cmd.Flags()
	fl.Uint64Var(&f.seed, "seed", 0, "what cases are made from (default: any)")
	fl.Uint64Var(&f.first, "first", 0, "number of the first case")
	fl.Uint64Var(&f.count, "count", 0, "most cases in all (0: no bound)")
	fl.DurationVar(&f.time, "time", time.Minute, "most time in all (0: no bound)")
	fl.IntVar(&f.packets, "packets", 1000, "packets per case")
	fl.BoolVar(&f.ports, "ports", false, "run eBPF on network interfaces")
	fl.StringVar(&f.out, "out", ".", "folder for the test of a difference")
	return cmd
}

// programsOf lists the programs that paths name.
func programsOf(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, path)
			continue
		}
		err = filepath.WalkDir(path, func(file string, entry os.DirEntry, err error) error {
			if ext := filepath.Ext(file); err == nil && !entry.IsDir() && (ext == ".json" || ext == ".p4fw") {
				out = append(out, file)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("fuzz: no program (.json, .p4fw): %w", os.ErrNotExist)
	}
	return out, nil
}

// fuzz looks for differences in programs, one after the other.
func (a *app) fuzz(ctx context.Context, paths []string, f fuzzFlags) error {
	engine := testbed.TestRuns
	if f.ports {
		engine = testbed.Kernel
	}
	if err := testbed.Available(engine); err != nil {
		return err
	}
	programs, err := programsOf(paths)
	if err != nil {
		return err
	}
	report := fuzzReport{Seed: f.seed, Programs: []fuzzView{}}
	fmt.Fprintf(a.err, "p4dev: seed %d\n", f.seed)
	if f.count > 0 {
		f.count = max(f.count/uint64(len(programs)), 1)
	}
	end := time.Now().Add(f.time)
	for i, path := range programs {
		if f.time > 0 { // what one program took too long the others do without
			f.time = max(time.Until(end)/time.Duration(len(programs)-i), time.Millisecond)
		}
		v := a.fuzzProgram(ctx, path, engine, f)
		if v.replicates {
			f := f
			f.ports = true
			v = a.fuzzProgram(ctx, path, testbed.Kernel, f)
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("fuzz %s: interrupted: %w", path, err)
		}
		report.add(v)
		if !a.json {
			v.text(a.out)
		}
	}
	err = a.render(report, report.text)
	if err == nil && report.Found+report.Failed > 0 {
		err = errSilent
	}
	return err
}

// fuzzPorts are the ports that packets use.
func fuzzPorts() []uint32 { return []uint32{1, 2, 3, 4} }

// fuzzProgram looks for a difference in one program.
func (a *app) fuzzProgram(ctx context.Context, path string, engine testbed.Engine, f fuzzFlags) fuzzView {
	v := fuzzView{Program: path, Result: "ok", Ports: engine == testbed.Kernel}
	fail := func(err error) fuzzView {
		o := testbed.Outcome{Err: err}
		v.Result, v.Reason, v.replicates = "fail", o.Reason(), errors.Is(err, testbed.ErrReplicates)
		if testbed.Unsupported(err) {
			v.Result = "skip"
		}
		return v
	}
	source, err := readSource(path)
	if err != nil {
		return fail(err)
	}
	rivals, err := testbed.NewRivals(ctx, source, engine, fuzzPorts())
	if err != nil {
		return fail(err)
	}
	last := time.Now()
	found, p, err := rivals.Run(ctx, testbed.Hunt{
		Options: fuzz.Options{Seed: f.seed, Ports: fuzzPorts(), Strict: f.ports, Packets: f.packets},
		First:   f.first, Count: f.count, Time: f.time,
		Progress: func(p testbed.Progress) {
			if p.Shrinking || time.Since(last) > 5*time.Second {
				last = time.Now()
				a.fuzzProgress(path, p)
			}
		},
	})
	err = errors.Join(err, rivals.Close())
	v.Cases, v.Packets, v.Seconds, v.Without = p.Cases, p.Packets, p.Elapsed.Seconds(), p.Left
	v.Unsteady = p.Unsteady
	if err != nil {
		return fail(err)
	}
	if found == nil {
		return v
	}
	v.Result, v.Kind, v.Reason, v.Case = "difference", found.Difference.Kind, found.Difference.Text, found.Number
	v.Form = found.Variant.String()
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	v.Test = filepath.Join(f.out, fmt.Sprintf("%s_%d_%d.stf", name, f.seed, found.Number))
	if err := os.WriteFile(v.Test, []byte(found.Test), 0o644); err != nil {
		return fail(err)
	}
	return v
}

func (a *app) fuzzProgress(path string, p testbed.Progress) {
	what := "cases"
	if p.Shrinking {
		what = "cases, shrinking the last"
	}
	fmt.Fprintf(a.err, "p4dev: %s: %d %s, %d packets, %.0f s\n", filepath.Base(path), p.Cases, what, p.Packets, p.Elapsed.Seconds())
}

// fuzzReport is what "fuzz -j" prints.
type fuzzReport struct {
	Seed     uint64     `json:"seed"`
	Found    int        `json:"found"`
	Failed   int        `json:"failed"`
	Skipped  int        `json:"skipped"`
	Packets  uint64     `json:"packets"`
	Seconds  float64    `json:"seconds"`
	Programs []fuzzView `json:"programs"`
}

type fuzzView struct {
	Program string   `json:"program"`
	Result  string   `json:"result"` // ok, difference, skip, fail
	Cases   uint64   `json:"cases"`
	Packets uint64   `json:"packets"`
	Seconds float64  `json:"seconds"`
	Kind    string   `json:"kind,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Case    uint64   `json:"case,omitempty"`
	Test    string   `json:"test,omitempty"`
	Without []string `json:"without,omitempty"` // commands that cases did without
	Ports   bool     `json:"ports,omitempty"`   // packets went over interfaces

	Unsteady   uint64 `json:"unsteady,omitempty"` // differences that were not there a second time
	Form       string `json:"form,omitempty"`     // of a difference: how eBPF was compiled
	replicates bool
}

func (r *fuzzReport) add(v fuzzView) {
	r.Programs = append(r.Programs, v)
	r.Packets += v.Packets
	r.Seconds += v.Seconds
	switch v.Result {
	case "difference":
		r.Found++
	case "skip":
		r.Skipped++
	case "fail":
		r.Failed++
	}
}

func (v fuzzView) text(w io.Writer) {
	fmt.Fprintf(w, "%-10s  %s  ", v.Result, v.Program)
	reason := strings.ReplaceAll(v.Reason, "\n", "\n            ")
	switch v.Result {
	case "ok":
		over := ""
		if v.Ports {
			over = " over tap"
		}
		fmt.Fprintf(w, "%d cases, %d packets%s, %.1f s\n", v.Cases, v.Packets, over, v.Seconds)
	case "difference":
		fmt.Fprintf(w, "%s, form %s, case %d after %d packets: %s\n            %s\n", v.Kind, v.Form, v.Case, v.Packets, v.Test, reason)
	default:
		fmt.Fprintln(w, reason)
	}
	for _, l := range slices.Sorted(slices.Values(v.Without)) {
		fmt.Fprintf(w, "            without %s\n", strings.ReplaceAll(l, "\n", "; "))
	}
}

func (r fuzzReport) text(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d programs, %d packets, %.0f s, seed %d: %d differences, %d failed, %d skipped\n",
		len(r.Programs), r.Packets, r.Seconds, r.Seed, r.Found, r.Failed, r.Skipped)
	return err
}
