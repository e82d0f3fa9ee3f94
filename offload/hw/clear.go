package hw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	configv1 "github.com/p4lang/p4runtime/go/p4/config/v1"
	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Clear makes the device hand every packet to the host, whatever program it runs: it takes back all default
// entries and then removes the entries, from the lowest priority and the shortest prefix up, so that no packet
// gets the answer of an entry that it would have lost to. An agent without a program has nothing to clear.
func (t *Target) Clear() error {
	ctx, cancel := t.context()
	defer cancel()
	info, err := t.session.info(ctx)
	if errors.Is(err, ErrNoPipeline) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("hw: clear device: %w", err)
	}
	if err := t.clearDefaults(info); err != nil {
		return fmt.Errorf("hw: clear device: %w", err)
	}
	found, err := t.read(&p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: &p4v1.TableEntry{}}})
	if err != nil {
		return fmt.Errorf("hw: clear device: %w", err)
	}
	if err := t.removeAll(found); err != nil {
		return fmt.Errorf("hw: clear device: %w", err)
	}
	return nil
}

// Clear is Target.Clear for a device whose program is not known, as behind a shut gate: Config.Program and
// Config.Model are not looked at.
func Clear(ctx context.Context, c Config) error {
	c = c.withDefaults()
	s, err := newSession(c)
	if err != nil {
		return fmt.Errorf("hw: clear device: %w", err)
	}
	t := &Target{config: c, session: s}
	done := make(chan error, 1)
	go func() { done <- t.Clear() }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = fmt.Errorf("hw: clear device: %w", ctx.Err())
	}
	return errors.Join(err, t.Close())
}

// clearDefaults takes back the default entries. A constant one that the agent does not let go of is left.
func (t *Target) clearDefaults(info *configv1.P4Info) error {
	var updates []*p4v1.Update
	var fixed []bool
	for _, table := range info.GetTables() {
		updates = append(updates, tableUpdate(p4v1.Update_MODIFY,
			&p4v1.TableEntry{TableId: table.GetPreamble().GetId(), IsDefaultAction: true}))
		fixed = append(fixed, table.GetConstDefaultActionId() != 0 || table.GetImplementationId() != 0)
	}
	if len(updates) == 0 {
		return nil
	}
	var failed []error
	for i, err := range t.write(updates) {
		if err != nil && !(fixed[i] && errors.Is(err, pipeline.ErrImmutable)) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// removeAll deletes entries in writes of one rank each.
func (t *Target) removeAll(found []*p4v1.Entity) error {
	entries := slices.DeleteFunc(found, func(e *p4v1.Entity) bool { return e.GetTableEntry().GetIsConst() })
	slices.SortStableFunc(entries, func(a, b *p4v1.Entity) int { return compareRank(a.GetTableEntry(), b.GetTableEntry()) })
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && n < t.config.Batch && compareRank(entries[0].GetTableEntry(), entries[n].GetTableEntry()) == 0 {
			n++
		}
		var updates []*p4v1.Update
		for _, e := range entries[:n] {
			te := e.GetTableEntry()
			updates = append(updates, tableUpdate(p4v1.Update_DELETE,
				&p4v1.TableEntry{TableId: te.GetTableId(), Match: te.GetMatch(), Priority: te.GetPriority()}))
		}
		for _, err := range t.write(updates) {
			if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
				return err
			}
		}
		entries = entries[n:]
	}
	return nil
}

// compareRank orders entries by who wins over whom: by priority, then by prefix length.
func compareRank(a, b *p4v1.TableEntry) int {
	return cmp.Or(cmp.Compare(a.GetPriority(), b.GetPriority()), cmp.Compare(prefixes(a), prefixes(b)))
}

func prefixes(te *p4v1.TableEntry) int32 {
	var sum int32
	for _, m := range te.GetMatch() {
		sum += m.GetLpm().GetPrefixLen()
	}
	return sum
}
