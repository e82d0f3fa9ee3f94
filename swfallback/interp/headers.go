package interp

// Validity, unions, stacks and the bytes of headers: P4_16, "Operations on headers", "Operations on header
// stacks", "Operations on header unions".

// noHeader stands for an element of a stack that does not exist: P4_16 leaves reading it undefined and makes
// writing it a no-op; here it reads as an invalid header of zeros.
const noHeader = -1

func (p *packet) isValid(h int) bool { return h != noHeader && p.valid[h] }

// setValid makes a header valid and the other members of its union invalid.
func (p *packet) setValid(h int) {
	for _, other := range p.sw.layout.headers[h].union {
		p.valid[other] = false
	}
	p.valid[h] = true
}

func (p *packet) setInvalid(h int) { p.valid[h] = false }

// headerBytes is the length of a header in the packet, its varbit field included.
func (p *packet) headerBytes(h int) int {
	return (p.sw.layout.headers[h].width+7)/8 + len(p.vars[h])
}

// zeroHeader gives all fields of a header the value 0 and its varbit field the length 0.
func (p *packet) zeroHeader(h int) {
	at := &p.sw.layout.headers[h]
	clear(p.data[at.base/8 : (at.base+at.width+7)/8])
	p.vars[h] = nil
}

// copyHeaderContents copies fields, not validity.
func (p *packet) copyHeaderContents(dst, src int) {
	d, s := &p.sw.layout.headers[dst], &p.sw.layout.headers[src]
	n := (d.width + 7) / 8
	copy(p.data[d.base/8:d.base/8+n], p.data[s.base/8:])
	p.vars[dst] = p.vars[src]
}

// assignHeader: an invalid source makes the destination invalid.
func (p *packet) assignHeader(dst, src int) {
	switch {
	case dst == noHeader:
	case !p.isValid(src):
		p.setInvalid(dst)
	default:
		p.setValid(dst)
		p.copyHeaderContents(dst, src)
	}
}

// moveHeader copies contents and validity alone: elements of a stack change places.
func (p *packet) moveHeader(dst, src int) {
	p.copyHeaderContents(dst, src)
	p.valid[dst] = p.valid[src]
}

// equalHeaders: both invalid, or both valid with equal fields.
func (p *packet) equalHeaders(a, b int) bool {
	if !p.isValid(a) || !p.isValid(b) {
		return p.isValid(a) == p.isValid(b)
	}
	x, y := &p.sw.layout.headers[a], &p.sw.layout.headers[b]
	n := (x.width + 7) / 8
	return x.width == y.width &&
		string(p.data[x.base/8:x.base/8+n]) == string(p.data[y.base/8:y.base/8+n]) &&
		string(p.vars[a]) == string(p.vars[b])
}

// equalUnions: both without a valid header, or the same member valid in both with equal fields.
func (p *packet) equalUnions(a, b int) bool {
	x, y := p.sw.unions[a], p.sw.unions[b]
	for i := range x {
		if !p.equalHeaders(x[i], y[i]) {
			return false
		}
	}
	return true
}

func (p *packet) unionValid(u int) bool {
	for _, h := range p.sw.unions[u] {
		if p.valid[h] {
			return true
		}
	}
	return false
}

func (p *packet) assignUnion(dst, src int) {
	for i, h := range p.sw.unions[dst] {
		p.assignHeader(h, p.sw.unions[src][i])
	}
}

func (p *packet) moveUnion(dst, src int) {
	for i, h := range p.sw.unions[dst] {
		p.moveHeader(h, p.sw.unions[src][i])
	}
}

func (p *packet) invalidateUnion(u int) {
	for _, h := range p.sw.unions[u] {
		p.valid[h] = false
	}
}

// pushFront moves the elements of a stack n places up; the first n become invalid.
func pushFront(elems []int, next *int, n int, move func(dst, src int), invalidate func(int)) {
	n = min(n, len(elems))
	*next = min(*next+n, len(elems))
	for i := len(elems) - 1; i >= n; i-- {
		move(elems[i], elems[i-n])
	}
	for _, e := range elems[:n] {
		invalidate(e)
	}
}

// popFront moves the elements of a stack n places down; the last n become invalid.
func popFront(elems []int, next *int, n int, move func(dst, src int), invalidate func(int)) {
	n = min(n, len(elems))
	*next = max(*next-n, 0)
	for i := 0; i < len(elems)-n; i++ {
		move(elems[i], elems[i+n])
	}
	for _, e := range elems[len(elems)-n:] {
		invalidate(e)
	}
}

// appendHeader appends the header as it stands in the packet: fixed fields, with the varbit field among them.
func (p *packet) appendHeader(s *bitString, h int) {
	at := &p.sw.layout.headers[h]
	if at.varAt < 0 {
		s.append(p.data, at.base, at.width)
		return
	}
	s.append(p.data, at.base, at.varAt)
	s.append(p.vars[h], 0, 8*len(p.vars[h]))
	s.append(p.data, at.base+at.varAt, at.width-at.varAt)
}
