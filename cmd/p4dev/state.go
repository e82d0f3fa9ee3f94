package main

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
)

// elements reads [INDEX] of an array of size elements: which ones to show, and whether that is all of them.
func elements(args []string, size int) (first, end int, all bool, err error) {
	if len(args) == 0 {
		return 0, size, true, nil
	}
	if first, err = strconv.Atoi(args[0]); err != nil {
		return 0, 0, false, fmt.Errorf("read index %q: %w", args[0], err)
	}
	return first, first + 1, false, nil
}

func (a *app) counterCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "counter NAME COUNTER [INDEX [PACKETS BYTES]]",
		Short: "Read or set a counter array of the program",
		Long: `Prints the elements of a counter array that are not zero, or the one at INDEX, which PACKETS and BYTES set. Direct
counters are shown with their entries by 'p4dev table show'.`,
		Example: `  p4dev fallback counter bridge ingress_port_counter
  p4dev fallback counter bridge ingress_port_counter 1
  p4dev fallback counter bridge ingress_port_counter 1 0 0`,
		Args: cobra.RangeArgs(2, 5),
		RunE: func(cmd *cobra.Command, args []string) error { return a.counter(cmd.Context(), args) },
	}
}

// elementView is an element of a counter array.
type elementView struct {
	Index int `json:"index"`
	countView
}

func (a *app) counter(ctx context.Context, args []string) error {
	fb, err := a.openFallback(ctx, args[0])
	if err != nil {
		return err
	}
	defer fb.Close()
	c, err := fb.Program().CounterByName(args[1])
	if err != nil {
		return err
	}
	first, end, all, err := elements(args[2:], c.Size)
	if err != nil {
		return err
	}
	if len(args) > 3 {
		if err := setCounter(fb, c, first, args[3:]); err != nil {
			return err
		}
	}
	views := []elementView{}
	for i := first; i < end; i++ {
		n, err := fb.ReadCounter(c, i)
		if err != nil {
			return err
		}
		if !all || n != (pipeline.Count{}) {
			views = append(views, elementView{i, countView(n)})
		}
	}
	return a.render(map[string]any{"counter": map[string]any{c.Name: views}}, func(w io.Writer) error {
		var rows [][]string
		for _, v := range views {
			rows = append(rows, []string{fmt.Sprint(v.Index), fmt.Sprint(v.Packets), fmt.Sprint(v.Bytes)})
		}
		return table(w, "INDEX PACKETS BYTES", rows)
	})
}

// setCounter sets an element to PACKETS BYTES.
func setCounter(fb *swfallback.Fallback, c *pipeline.Counter, index int, words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("set %s[%d]: want PACKETS and BYTES", c.Name, index)
	}
	var n [2]uint64
	for i, w := range words {
		var err error
		if n[i], err = strconv.ParseUint(w, 0, 64); err != nil {
			return fmt.Errorf("read count %q: %w", w, err)
		}
	}
	return fb.WriteCounter(c, index, pipeline.Count{Packets: n[0], Bytes: n[1]})
}

func (a *app) registerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "register NAME REGISTER [INDEX [VALUE]]",
		Short: "Read or set a register array of the program",
		Long: `Prints the elements of a register array that are not zero, or the one at INDEX, which VALUE sets. A packet that
writes the same element at the same time may win.`,
		Example: `  p4dev fallback register state words
  p4dev fallback register state words 2 0xcafe`,
		Args: cobra.RangeArgs(2, 4),
		RunE: func(cmd *cobra.Command, args []string) error { return a.register(cmd.Context(), args) },
	}
}

// cellView is an element of a register array. Numbers of any width are written in hexadecimal.
type cellView struct {
	Index int    `json:"index"`
	Value string `json:"value"`
}

func (a *app) register(ctx context.Context, args []string) error {
	fb, err := a.openFallback(ctx, args[0])
	if err != nil {
		return err
	}
	defer fb.Close()
	r, err := fb.Program().RegisterByName(args[1])
	if err != nil {
		return err
	}
	first, end, all, err := elements(args[2:], r.Size)
	if err != nil {
		return err
	}
	if len(args) > 3 {
		if err := setRegister(fb, r, first, args[3]); err != nil {
			return err
		}
	}
	views := []cellView{}
	var rows [][]string
	for i := first; i < end; i++ {
		v, err := fb.ReadRegister(r, i)
		if err != nil {
			return err
		}
		if !all || v.Sign() != 0 {
			views = append(views, cellView{i, fmt.Sprintf("%#x", v)})
			rows = append(rows, []string{fmt.Sprint(i), fmt.Sprintf("%#x", v), v.String()})
		}
	}
	return a.render(map[string]any{"register": map[string]any{r.Name: views}}, func(w io.Writer) error {
		return table(w, "INDEX VALUE DECIMAL", rows)
	})
}

// setRegister sets an element to a number that the register has room for.
func setRegister(fb *swfallback.Fallback, r *pipeline.Register, index int, word string) error {
	v, ok := new(big.Int).SetString(word, 0)
	if !ok {
		return fmt.Errorf("read value %q: not a number", word)
	}
	if width := v.BitLen(); v.Sign() < 0 && !r.Signed || width > r.Width {
		return fmt.Errorf("set %s[%d]: %s does not fit into %d bits: %w", r.Name, index, word, r.Width, pipeline.ErrBadRange)
	}
	return fb.WriteRegister(r, index, v)
}
