package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/offload"
)

// app is what all commands share: where they write and the global flags.
type app struct {
	in       io.Reader
	out, err io.Writer
	log      *slog.Logger

	json     bool
	verbose  bool
	endpoint string // "kernel", "sim" or "unix:PATH"
	root     string // file system root below which /lib/firmware and /var/lib/p4dev lie
	runDir   string
	netns    string // network namespace to work in, a name of "ip netns"
	agent    string // address of the device's P4Runtime agent

	observe   func(offload.Event) // what happens in a load; nil: log
	simKernel *sim.Kernel         // of --endpoint sim, made when it is first asked for
	atExit    []func() error      // in the order of their making; the last is run first
}

func newApp(in io.Reader, out, errOut io.Writer) *app {
	return &app{in: in, out: out, err: errOut}
}

// rootCommand makes what runs a command line.
func (a *app) rootCommand(args ...string) *cobra.Command {
	root := &cobra.Command{
		Use:   "p4dev",
		Short: "Manage P4-programmable network devices and their eBPF fallback",
		Long: `p4dev loads compiled P4 packages into devices through devlink, shows which tables and which parser
graph a device then advertises, and runs the same program in eBPF for every packet that the hardware
cannot take. Without such a device everything runs in eBPF.

Exit status: 0 done, 1 failed, 2 nothing to do, 3 not found.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			level := slog.LevelWarn
			if a.verbose {
				level = slog.LevelDebug
			}
			a.log = slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
			return enterNamespace(a.netns)
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	f := root.PersistentFlags()
	f.BoolVarP(&a.json, "json", "j", false, "print the result as one JSON value")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log what is done to standard error")
	f.StringVar(&a.endpoint, "endpoint", "kernel", "devlink endpoint: kernel, sim, or unix:PATH of a running 'p4dev sim'")
	f.StringVar(&a.root, "root", "/", "directory that holds lib/firmware and var/lib/p4dev")
	f.StringVar(&a.runDir, "run-dir", "/run/p4dev", "directory for locks and sockets")
	f.StringVar(&a.netns, "netns", "", "network namespace to work in, a name of 'ip netns'")
	f.StringVar(&a.agent, "device-agent", "", "P4Runtime address of the device's agent (default RUNDIR/agent/BUS-DEV.sock)")
	a.addCommands(root, args)
	return root
}

// command is one of p4dev's commands before it is made.
type command struct {
	name string
	make func() *cobra.Command
}

// commands lists the commands in the order of the help text.
func (a *app) commands() []command {
	return []command{
		{"pack", a.packCommand}, {"inspect", a.inspectCommand}, {"verify", a.verifyCommand}, {"sign", a.signCommand},
		{"list", a.listCommand}, {"show", a.showCommand}, {"set", a.setCommand}, {"flash", a.flashCommand},
		{"reload", a.reloadCommand}, {"region", a.regionCommand},
		{"health", a.healthCommand}, {"selftest", a.selftestCommand}, {"history", a.historyCommand}, {"monitor", a.monitorCommand},
		{"fallback", a.fallbackCommand}, {"table", a.tableCommand}, {"test", a.testCommand}, {"trace", a.traceCommand},
		{"fuzz", a.fuzzCommand}, {"bench", a.benchCommand},
		{"diff", a.diffCommand}, {"compat", a.compatCommand},
		{"sim", a.simCommand}, {"demo", a.demoCommand}, {"version", a.versionCommand},
	}
}

// addCommands adds the command that a command line begins with, or all: with their flags they take a tenth of the memory
// that p4dev touches before it does anything.
func (a *app) addCommands(root *cobra.Command, args []string) {
	all := a.commands()
	if len(args) > 0 {
		if i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] }); i >= 0 {
			all = all[i : i+1]
		}
	}
	for _, c := range all {
		root.AddCommand(c.make())
	}
}

// close ends what commands left running for the life of the process.
func (a *app) close() error {
	var errs []error
	for _, f := range slices.Backward(a.atExit) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// printJSON writes v as one indented JSON value.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// render writes v as JSON with -j, else calls text.
func (a *app) render(v any, text func(w io.Writer) error) error {
	if a.json {
		return a.printJSON(v)
	}
	return text(a.out)
}

// done says what was done.
func (a *app) done(text string) error {
	return a.render(map[string]string{"result": text}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, text)
		return err
	})
}

// table writes rows in aligned columns under a header.
func table(w io.Writer, header string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, strings.ReplaceAll(header, " ", "\t"))
	for _, r := range rows {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	return tw.Flush()
}
