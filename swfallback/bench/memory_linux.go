package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// memoryRow compares the memory of full tables, as the kernel tells it.
func memoryRow(ctx context.Context, l *lab, out *Row) error {
	all, err := fillings()
	if err != nil {
		return err
	}
	for _, f := range all {
		before, err := l.attach(ctx, f.program, bpfgen.Options{}, nil)
		if err != nil {
			return err
		}
		table, err := before.Program().TableByName(f.table)
		if err != nil {
			return err
		}
		empty, err := memoryOf(before)
		if err != nil {
			return err
		}
		if err := before.Insert(f.entries(table)...); err != nil {
			return err
		}
		full, err := memoryOf(before)
		if err != nil {
			return err
		}
		m, err := f.plain(f.kind)
		if err != nil {
			return err
		}
		if _, err = bpfrun.UpdateBatch(m, f.keys, f.values, f.n); err != nil {
			return err
		}
		bytes, err := memlock(m)
		m.Close()
		if err != nil {
			return err
		}
		yard := single(bytes / float64(f.n))
		p := Point{Label: fmt.Sprintf("%s in %s", strings.TrimSpace(label(f.n, "entries")), f.name), Ours: single((full - empty) / float64(f.n)), Yard: &yard}
		out.Points = append(out.Points, p)
		if f.name == "exact" {
			out.atMost("exact, p4dev / hash map", p.Ratio(), 1.5)
		}
	}
	return nil
}

// memoryOf adds up the memory of a program's maps, in bytes.
func memoryOf(t *target) (float64, error) {
	sum := 0.0
	for _, m := range t.maps {
		tell := memlock
		if m.Type() == ebpf.Arena {
			tell = resident
		}
		n, err := tell(m)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// resident is how much of an arena this process has in memory, in bytes: all of it, as only this process has touched it.
func resident(m *ebpf.Map) (float64, error) {
	info, err := m.Info()
	if err != nil {
		return 0, err
	}
	at, known := info.MapExtra()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil || !known {
		return 0, errors.Join(err, errors.ErrUnsupported)
	}
	start := fmt.Sprintf("%x-", at)
	inside := false
	for line := range strings.Lines(string(smaps)) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, start):
			inside = true
		case inside && fields[0] == "Rss:":
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("the arena is not mapped at %#x: %w", at, errors.ErrUnsupported)
}

// memlock is what the kernel says a map takes, in bytes.
func memlock(m *ebpf.Map) (float64, error) {
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", m.FD()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(info)) {
		if v, ok := strings.CutPrefix(line, "memlock:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(v), 64)
		}
	}
	return 0, nil
}
