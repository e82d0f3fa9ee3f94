package lookup

// vectorSet is what the vectors of many rules are built from: their places and what they compare, chunk by chunk.
type vectorSet struct {
	n             int // rules that there will be
	places        []int32
	values, masks []byte // of the i-th rule in a chunk: at chunk*n+i
	any           []uint64
}

func newVectorSet(n, chunks int) *vectorSet {
	return &vectorSet{n: n, places: make([]int32, 0, n), values: make([]byte, n*chunks), masks: make([]byte, n*chunks)}
}

// add adds the rule of a cell.
func (s *vectorSet) add(place int, cell uint32, rule RuleReader) {
	var values, masks [MostChunks]byte
	rule.Chunks(cell, &values, &masks)
	i := len(s.places)
	s.places = append(s.places, int32(place))
	for at := i; at < len(s.values); at += s.n {
		s.values[at], s.masks[at] = values[at/s.n], masks[at/s.n]
	}
}

// build writes the vectors of one chunk with their summaries: those of rules that compare nothing in it are copied.
func (s *vectorSet) build(chunk int, rows []uint64) {
	stride := len(rows) / 256
	summary := (stride + 64) / 65 // words of it: rowBytes the other way round
	values, masks := s.values[chunk*s.n:][:s.n], s.masks[chunk*s.n:][:s.n]
	s.any = append(s.any[:0], make([]uint64, stride-summary)...)
	for i, mask := range masks {
		if mask == 0 {
			s.any[s.places[i]/64] |= 1 << (s.places[i] % 64)
		}
	}
	for v := range 256 {
		copy(rows[v*stride+summary:][:len(s.any)], s.any)
	}
	for i, mask := range masks {
		if mask == 0 {
			continue
		}
		at, bit := summary+int(s.places[i]/64), uint64(1)<<(s.places[i]%64)
		fixed, free := values[i]&mask, ^mask
		for sub := free; ; sub = (sub - 1) & free {
			rows[int(fixed|sub)*stride+at] |= bit
			if sub == 0 {
				break
			}
		}
	}
	for v := range 256 {
		row := rows[v*stride:][:stride]
		summarize(row[:summary], row[summary:])
	}
}

// summarize writes which words of a vector are not 0.
func summarize(summary, vector []uint64) {
	for i := range summary {
		var sum uint64
		for j, w := range vector[64*i : min(64*i+64, len(vector))] {
			if w != 0 {
				sum |= 1 << j
			}
		}
		summary[i] = sum
	}
}
