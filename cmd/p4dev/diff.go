package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/ddp"
)

// statusError ends a command with an exit status of its own.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// The exit statuses of "diff", as the program of that name has them.
const (
	exitDiffers = 1
	exitTrouble = 2
)

func (a *app) diffCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "diff A.pkg B.pkg",
		Short: "Show what two DDP packages do not have in common",
		Long: `Compares two DDP packages: names and versions, and for each device family the protocols, parser nodes, packet types,
tunnels and other boost entries, and the lookup profiles. "-" is what only A has or how A has it, "+" the same of B, "~" a
profile with the words of the packet that went and came. Exit status as of diff: 0 the same, 1 different, 2 trouble.`,
		Example: "  p4dev diff ice-1.3.41.0.pkg ice_comms-1.3.52.0.pkg",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			v, err := compareDDP(args[0], args[1])
			if err != nil {
				return &statusError{exitTrouble, err}
			}
			v.all = all
			if err := a.render(v, v.text); err != nil {
				return &statusError{exitTrouble, err}
			}
			if len(v.Differences) > 0 {
				return &statusError{exitDiffers, errSilent}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "list edges of the parse graph and sections too")
	return cmd
}

// diffView is what "diff -j" prints.
type diffView struct {
	A           diffFile         `json:"a"`
	B           diffFile         `json:"b"`
	Differences []ddp.Difference `json:"differences"`
	all         bool
}

type diffFile struct {
	File    string `json:"file"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

func compareDDP(a, b string) (*diffView, error) {
	var list [2]*ddp.Package
	var files [2]diffFile
	for i, path := range []string{a, b} {
		p, _, err := readDDP(path)
		if err != nil {
			return nil, err
		}
		list[i], files[i] = p, diffFile{File: path}
		if m := p.Metadata(); m != nil {
			files[i].Name, files[i].Version = m.Name, m.Version.String()
		}
	}
	differences, err := ddp.Compare(list[0], list[1])
	return &diffView{A: files[0], B: files[1], Differences: differences}, err
}

// quiet reports whether a kind of difference is counted only.
func (v *diffView) quiet(kind string) bool { return !v.all && (kind == "edge" || kind == "section") }

func (v *diffView) text(w io.Writer) error {
	if len(v.Differences) == 0 {
		return nil
	}
	fmt.Fprintf(w, "--- %s  %s %s\n+++ %s  %s %s\n", v.A.File, v.A.Name, v.A.Version, v.B.File, v.B.Name, v.B.Version)
	for i := 0; i < len(v.Differences); {
		first := v.Differences[i]
		end := i
		for end < len(v.Differences) && slices.Equal(v.Differences[end].Segments, first.Segments) && v.Differences[end].Kind == first.Kind {
			end++
		}
		fmt.Fprintf(w, "\n%s: %d\n", strings.TrimSpace(strings.Join(first.Segments, " ")+" "+first.Kind), end-i)
		for ; i < end; i++ {
			if !v.quiet(first.Kind) {
				v.write(w, v.Differences[i])
			}
		}
	}
	return nil
}

func (v *diffView) write(w io.Writer, d ddp.Difference) {
	alone := d.A == "" || d.B == ""
	line := func(sign, text string) {
		if text == ddp.There || alone && !v.all {
			fmt.Fprintf(w, "%s %s\n", sign, d.Name)
			return
		}
		fmt.Fprintf(w, "%s %s: %s\n", sign, d.Name, text)
	}
	switch {
	case d.Kind == "profile" && !alone && !v.all:
		fmt.Fprintf(w, "~ %s: %s\n", d.Name, changedWords(d.A, d.B))
	case d.B == "":
		line("-", d.A)
	case d.A == "":
		line("+", d.B)
	default:
		line("-", d.A)
		line("+", d.B)
	}
}

// changedWords says which words of a field vector went and came: "-TCP+0 +meta+32".
func changedWords(a, b string) string {
	from, to := strings.Fields(a), strings.Fields(b)
	var changes []string
	for _, list := range []struct {
		sign      string
		of, other []string
	}{{"-", from, to}, {"+", to, from}} {
		for _, word := range list.of {
			if word != "none" && !slices.Contains(list.other, word) {
				changes = append(changes, list.sign+word)
			}
		}
	}
	return orElse(strings.Join(changes, " "), "the same words in another order")
}

// exitOf returns the status that a command asked for.
func exitOf(err error) (int, bool) {
	var s *statusError
	if errors.As(err, &s) {
		return s.code, true
	}
	return 0, false
}
