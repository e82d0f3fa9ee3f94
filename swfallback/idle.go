package swfallback

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// sweepEvery is how often IdleTimeouts sweeps, as BMv2 does.
const sweepEvery = time.Second

// IdleTimeouts calls handle for the entries that have not been hit for their time-out, once a second, until the
// context ends, the target is closed or replaced, or handle returns an error. An entry that stays idle is reported
// again every two seconds, as BMv2 does: whether it goes is the control plane's decision. No lock is held while
// handle runs. errors.ErrUnsupported: no table of the program supports time-outs.
func (f *Fallback) IdleTimeouts(ctx context.Context, handle func([]*pipeline.Entry) error) error {
	if !slices.ContainsFunc(f.Program().Tables, func(t *pipeline.Table) bool { return t.SupportTimeout }) {
		return fmt.Errorf("swfallback: watch idle entries: no table has time-outs: %w", errors.ErrUnsupported)
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("swfallback: watch idle entries: %w", ctx.Err())
		case <-tick.C:
		}
		idle, err := f.Sweep()
		if err != nil {
			return err
		}
		if len(idle) == 0 {
			continue
		}
		if err := handle(idle); err != nil {
			return fmt.Errorf("swfallback: watch idle entries: %w", err)
		}
	}
}

// Sweep returns the entries that have not been hit for their time-out, by table and match. What one sweep has returned
// the next one leaves out.
func (f *Fallback) Sweep() ([]*pipeline.Entry, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: sweep for idle entries: %w", err)
	}
	defer leave()
	reported := make(map[string]bool)
	var out []*pipeline.Entry
	for _, t := range f.gen.object.Program.Tables {
		if !t.SupportTimeout {
			continue
		}
		states, err := f.gen.entries(t)
		if err != nil {
			return nil, fmt.Errorf("swfallback: sweep for idle entries: %w", err)
		}
		for _, s := range states {
			name := entryName(s.Entry)
			if s.Entry.IdleTimeout > 0 && s.IdleFor >= s.Entry.IdleTimeout && !f.reported[name] {
				reported[name] = true
				out = append(out, s.Entry)
			}
		}
	}
	f.reported = reported
	slices.SortFunc(out, func(a, b *pipeline.Entry) int { return cmp.Compare(entryName(a), entryName(b)) })
	return out, nil
}

// entryName tells entries of a program apart.
func entryName(e *pipeline.Entry) string {
	return strconv.Itoa(e.Table.Index) + " " + pipeline.EntryKey(e)
}

// readIdle fills in how long entries have not been hit.
func readIdle(m *ebpf.Map, slots []uint32, states []pipeline.EntryState) error {
	now := coarseNow()
	since := func(i int, hit uint64) { states[i].IdleFor = max(now-time.Duration(hit), 0) }
	if len(slots) >= int(m.MaxEntries())/dumpShare && len(slots) > 1 {
		place := make([]int, m.MaxEntries())
		for i, slot := range slots {
			place[slot] = i + 1
		}
		return bpfrun.Dump(m, func(key, value []byte) bool {
			if i := place[binary.NativeEndian.Uint32(key)]; i > 0 {
				since(i-1, binary.NativeEndian.Uint64(value))
			}
			return true
		})
	}
	for i, slot := range slots {
		var hit uint64
		if err := m.Lookup(slot, &hit); err != nil {
			return fmt.Errorf("read slot %d: %w", slot, err)
		}
		since(i, hit)
	}
	return nil
}
