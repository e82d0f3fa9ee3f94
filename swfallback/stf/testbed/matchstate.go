package testbed

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// manyElements bounds how many elements of an array are compared, from its front and from its end.
const manyElements = 256

// elements lists the indices of an array that are compared.
func elements(size int) []int {
	var out []int
	for i := range size {
		if i < manyElements || i >= size-manyElements {
			out = append(out, i)
		}
	}
	return out
}

// entries compares tables with their direct counters.
func (m *match) entries(p *pipeline.Program) error {
	for _, t := range p.Tables {
		if t.Hidden || len(t.Keys) == 0 {
			continue
		}
		left, err := m.left.engine.Target.Entries(t)
		if err != nil {
			return err
		}
		right, err := m.right.engine.Target.Entries(t)
		if err != nil {
			return err
		}
		have := map[string]pipeline.EntryState{}
		for _, s := range right {
			have[pipeline.EntryKey(s.Entry)] = s
		}
		for i, s := range left {
			other, ok := have[pipeline.EntryKey(s.Entry)]
			switch {
			case !ok:
				m.differ("entries", -1, "table %s: bpf has no entry %v", t.Name, s.Entry)
				return nil
			case s.Count != other.Count:
				m.differ("counter", -1, "table %s, entry %d: interp %v, bpf %v", t.Name, i, s.Count, other.Count)
				return nil
			}
		}
		if len(left) != len(right) {
			m.differ("entries", -1, "table %s: interp has %d entries, bpf %d", t.Name, len(left), len(right))
			return nil
		}
	}
	return nil
}

func (m *match) counters(p *pipeline.Program) error {
	for _, c := range p.Counters {
		if c.Table != nil {
			continue
		}
		for _, i := range elements(c.Size) {
			left, err := m.left.engine.Target.ReadCounter(c, i)
			if err != nil {
				return err
			}
			right, err := m.right.engine.Target.ReadCounter(c, i)
			if err != nil {
				return err
			}
			if left != right {
				m.differ("counter", -1, "%s[%d]: interp %v, bpf %v", c.Name, i, left, right)
				m.round.Difference.Checks = []string{
					fmt.Sprintf("check_counter %s(%d) packets == %d", c.Name, i, left.Packets),
					fmt.Sprintf("check_counter %s(%d) bytes == %d", c.Name, i, left.Bytes)}
				return nil
			}
		}
	}
	return nil
}

func (m *match) registers(p *pipeline.Program) error {
	for _, r := range p.Registers {
		for _, i := range elements(r.Size) {
			left, err := readRegister(m.left, r, i)
			if err != nil {
				return err
			}
			right, err := readRegister(m.right, r, i)
			if err != nil {
				return err
			}
			if left == right {
				continue
			}
			if m.twin != nil {
				if other, err := readRegister(m.twin, r, i); err != nil || other != left {
					continue
				}
			}
			m.differ("register", -1, "%s[%d]: interp %s, bpf %s", r.Name, i, left, right)
			m.round.Difference.Checks = []string{fmt.Sprintf("check_register %s(%d) == %s", r.Name, i, left)}
			return nil
		}
	}
	return nil
}

func readRegister(s *side, r *pipeline.Register, i int) (string, error) {
	target, ok := s.engine.Target.(stf.Registrar)
	if !ok {
		return "", nil
	}
	v, err := target.ReadRegister(r, i)
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

func (m *match) digests(*pipeline.Program) error {
	left, err := m.sent(m.left, 0)
	if err != nil {
		return err
	}
	if m.twin != nil {
		if other, err := m.sent(m.twin, 0); err != nil || !slices.Equal(left, other) {
			return err
		}
	}
	right, err := m.sent(m.right, len(left))
	if err != nil {
		return err
	}
	for i := range max(len(left), len(right)) {
		a, b := digestAt(left, i), digestAt(right, i)
		if a == b {
			continue
		}
		m.differ("digest", -1, "digest %d: interp %s, bpf %s", i, a, b)
		for _, d := range left {
			m.round.Difference.Checks = append(m.round.Difference.Checks, "expect_digest "+d)
		}
		return nil
	}
	return nil
}

// sent returns the digests of a side as text.
func (m *match) sent(s *side, want int) ([]string, error) {
	got, err := s.engine.Wire.(stf.Digester).Digests(m.ctx, want)
	var out []string
	for _, d := range got {
		out = append(out, d.String())
	}
	return out, err
}

func digestAt(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "none"
}
