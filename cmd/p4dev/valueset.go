package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

func (a *app) valueSetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "value-set NAME SET [MEMBER...]",
		Short: "Show or set the members of a parser value set",
		Long: `Without MEMBER it shows the members of a parser value set. With them it replaces all members at once, with --clear it
takes all away. A MEMBER has one part for each component of the set, with commas between them: a value, VALUE&&&MASK
or LOW..HIGH.`,
		Example: `  p4dev fallback value-set parser tag_types 0x88a8 0x9100
  p4dev fallback value-set parser services 6,443 17,1000..1999
  p4dev fallback value-set parser services --clear`,
		Args: cobra.MinimumNArgs(2),
	}
	none := cmd.Flags().Bool("clear", false, "take all members away")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.valueSet(cmd.Context(), args, *none) }
	return cmd
}

func (a *app) valueSet(ctx context.Context, args []string, none bool) error {
	fb, err := a.openFallback(ctx, args[0])
	if err != nil {
		return err
	}
	defer fb.Close()
	s, err := fb.Program().ValueSetByName(args[1])
	if err != nil {
		return err
	}
	if none && len(args) > 2 {
		return fmt.Errorf("set value set %s: want members, or --clear and none", s.Name)
	}
	if none || len(args) > 2 {
		members, err := parseMembers(s, args[2:])
		if err != nil {
			return err
		}
		if err := fb.SetValueSet(s, members); err != nil {
			return err
		}
	}
	members, err := fb.ValueSet(s)
	if err != nil {
		return err
	}
	views := []string{}
	var rows [][]string
	for _, m := range members {
		views = append(views, formatMember(s, m))
		rows = append(rows, []string{formatMember(s, m)})
	}
	return a.render(map[string]any{"value_set": map[string]any{s.Name: views}},
		func(w io.Writer) error { return table(w, "MEMBER", rows) })
}

// componentKey is the key by whose rules one component of a member is read and written.
func componentKey(s *pipeline.ValueSet, i int, text string) *pipeline.Key {
	k := &pipeline.Key{Index: i, Name: fmt.Sprintf("%s component %d", s.Name, i+1), Width: s.Key[i]}
	switch {
	case strings.Contains(text, "&&&"):
		k.Kind = pipeline.MatchTernary
	case strings.Contains(text, ".."):
		k.Kind = pipeline.MatchRange
	}
	return k
}

func parseMembers(s *pipeline.ValueSet, words []string) ([][]pipeline.Match, error) {
	var members [][]pipeline.Match
	for _, w := range words {
		parts := strings.Split(w, ",")
		if len(parts) != len(s.Key) {
			return nil, fmt.Errorf("read member %q: %d components, want %d: %w", w, len(parts), len(s.Key), pipeline.ErrBadMatch)
		}
		var member []pipeline.Match
		for i, part := range parts {
			m, err := pipeline.ParseMatch(componentKey(s, i, part), part)
			if err != nil {
				return nil, err
			}
			member = append(member, m)
		}
		members = append(members, member)
	}
	return members, nil
}

func formatMember(s *pipeline.ValueSet, member []pipeline.Match) string {
	var parts []string
	for i, m := range member {
		k := &pipeline.Key{Name: s.Name, Width: s.Key[i]}
		switch {
		case m.High != nil:
			k.Kind = pipeline.MatchRange
		case m.Mask != nil:
			k.Kind = pipeline.MatchTernary
		}
		parts = append(parts, pipeline.FormatMatch(k, m))
	}
	return strings.Join(parts, ",")
}
