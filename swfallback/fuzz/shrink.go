package fuzz

import "slices"

// Shrink returns the smallest case that it finds for which fails still holds: with fewer packets, fewer lines of
// configuration, all of them in front of the packets, shorter packets and more bytes of zero. fails must hold for c. It
// is called at most budget times, with cases that it must not change.
func Shrink(c *Case, budget int, fails func(*Case) bool) *Case {
	s := &shrinker{best: c.Clone(), budget: budget, fails: fails}
	for {
		before := s.size()
		s.packets()
		s.config()
		s.hurry()
		s.shorten()
		s.zero()
		if s.budget <= 0 || s.size() == before {
			return s.best
		}
	}
}

type shrinker struct {
	best   *Case
	budget int
	fails  func(*Case) bool
}

// size decreases with every step.
func (s *shrinker) size() int {
	n := min(1, s.best.Late)
	for _, l := range s.best.Config {
		n += 1000 + len(l)
	}
	for _, p := range s.best.Packets {
		n += 1000 + len(p.Data)
		for _, b := range p.Data {
			if b != 0 {
				n++
			}
		}
	}
	return n
}

// try takes a smaller case if it fails too.
func (s *shrinker) try(c *Case) bool {
	if s.budget <= 0 {
		return false
	}
	s.budget--
	if !s.fails(c) {
		return false
	}
	s.best = c.Clone()
	return true
}

// without removes as many of n elements as it can: halves first, then smaller runs of them, from the end, because
// lines refer to lines in front of them.
func (s *shrinker) without(n int, remove func(c *Case, from, to int)) {
	for run := (n + 1) / 2; run > 0; run /= 2 {
		for to := n; to > 0 && s.budget > 0; to -= run {
			from := max(to-run, 0)
			c := s.best.Clone()
			remove(c, from, to)
			if s.try(c) {
				n -= to - from
			}
		}
	}
}

func (s *shrinker) packets() {
	s.without(len(s.best.Packets), func(c *Case, from, to int) { c.Packets = slices.Delete(c.Packets, from, to) })
}

func (s *shrinker) config() {
	s.without(len(s.best.Config), func(c *Case, from, to int) { c.Config = slices.Delete(c.Config, from, to) })
}

// hurry puts all lines of configuration in front of the packets.
func (s *shrinker) hurry() {
	if c := s.best.Clone(); c.Late > 0 {
		c.Late = 0
		s.try(c)
	}
}

// shorten cuts the ends of packets off.
func (s *shrinker) shorten() {
	for i := range s.best.Packets {
		for cut := len(s.best.Packets[i].Data); cut > 0 && s.budget > 0; cut /= 2 {
			for len(s.best.Packets[i].Data) >= cut {
				c := s.best.Clone()
				c.Packets[i].Data = c.Packets[i].Data[:len(c.Packets[i].Data)-cut]
				if !s.try(c) {
					break
				}
			}
		}
	}
}

// zero clears runs of bytes.
func (s *shrinker) zero() {
	for i := range s.best.Packets {
		n := len(s.best.Packets[i].Data)
		for run := n; run > 0; run /= 2 {
			for from := 0; from < n && s.budget > 0; from += run {
				part := s.best.Packets[i].Data[from:min(from+run, n)]
				if !slices.ContainsFunc(part, func(b byte) bool { return b != 0 }) {
					continue
				}
				c := s.best.Clone()
				clear(c.Packets[i].Data[from:min(from+run, n)])
				s.try(c)
			}
		}
	}
}
