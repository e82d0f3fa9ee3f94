package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

func (a *app) specialiseCommand() *cobra.Command {
	var keep bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "specialise NAME",
		Short: "Make packets faster by what small tables hold now",
		Long: fmt.Sprintf(`Compiles the program anew with the entries of all tables that have at most %d, and the default actions, in its
text. The ports run that without losing a packet. Packets go by the tables again from the moment one of these is
changed, by whatever command; then it pays to do this again. Tables with more entries may change as they like.

With --keep p4dev stays, and specialises the program whenever its small tables have rested, using at most a hundredth
of one CPU's time.`, bpfgen.MostKnown),
		Example: `  p4dev fallback specialise router
  p4dev fallback specialise router --keep --every 10s`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keep {
				return a.keepSpecialised(cmd.Context(), args[0], every)
			}
			return a.specialise(cmd.Context(), args[0])
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "stay, and do it whenever it pays")
	cmd.Flags().DurationVar(&every, "every", time.Second, "how long tables have to rest, with --keep")
	return cmd
}

func (a *app) specialise(ctx context.Context, name string) error {
	fb, err := a.openFallback(ctx, name)
	if err != nil {
		return err
	}
	defer fb.Close()
	done, err := fb.Specialise(ctx)
	if err != nil {
		return err
	}
	if done.Again {
		return fmt.Errorf("%s is already specialised for what its tables hold: %w", fb.Name(), errNothing)
	}
	return a.renderSpecialised(fb.Name(), done)
}

// keepSpecialised specialises the target until it is interrupted, also when its program is replaced meanwhile.
func (a *app) keepSpecialised(ctx context.Context, name string, every time.Duration) error {
	for {
		fb, err := a.openFallback(ctx, name)
		if err != nil {
			return err
		}
		var failed error
		err = fb.KeepSpecialised(ctx, every, func(done swfallback.Specialised) {
			failed = errors.Join(failed, a.renderSpecialised(fb.Name(), done))
		})
		fb.Close()
		switch {
		case ctx.Err() != nil:
			return failed
		case !errors.Is(err, swfallback.ErrStale):
			return errors.Join(failed, err)
		}
	}
}

// specialisedView is what "fallback specialise -j" prints.
type specialisedView struct {
	Tables []string `json:"tables"`
	Took   float64  `json:"ms"`
}

func (a *app) renderSpecialised(name string, done swfallback.Specialised) error {
	v := specialisedView{done.Tables, float64(done.Took.Microseconds()) / 1000}
	return a.render(map[string]any{"specialised": map[string]any{name: v}}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: specialised for %s in %.0f ms\n", name, strings.Join(v.Tables, ", "), v.Took)
		return err
	})
}
