package ddp

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Difference is something that two packages do not have in common.
type Difference struct {
	Segments []string `json:"segments,omitempty"` // "e810", "e830"; nil for the package as a whole
	Kind     string   `json:"kind"`               // see Kinds
	Name     string   `json:"name"`
	A        string   `json:"a,omitempty"` // what the first package has there; "" where it has nothing
	B        string   `json:"b,omitempty"`
}

// Kinds returns the kinds of differences, in the order of Compare's result: package, segment and config for names and
// versions; then protocols that the parser records, nodes, packet types, boost entries, edges of the parse graph,
// profiles with their field vectors, sections by their bytes, and bytes for files that differ in nothing else.
func Kinds() []string {
	return []string{"package", "segment", "config", "protocol", "node", "ptype", "boost", "edge", "profile", "section", "bytes"}
}

// There stands for what has no text of its own.
const There = "yes"

// facts are what there is of one kind: a text by name.
type facts map[string]map[string]string

func (f facts) add(kind, name, text string) {
	if f[kind] == nil {
		f[kind] = map[string]string{}
	}
	f[kind][name] = text
}

// Compare returns what two packages do not have in common, by segment, kind and name. Segments are compared with those
// of the same type; what differs in the same way in several of them is listed once.
func Compare(a, b *Package) ([]Difference, error) {
	list := differences(packageFacts(a), packageFacts(b))
	for _, s := range a.Configurations() {
		other := b.Segment(s.Type)
		if other == nil {
			continue
		}
		fa, errA := s.facts()
		fb, errB := other.facts()
		if err := errors.Join(errA, errB); err != nil {
			return nil, fmt.Errorf("ddp: compare packages: %w", err)
		}
		list = merge(list, s.Type.String(), differences(fa, fb))
	}
	if len(list) == 0 && !bytes.Equal(a.data, b.data) {
		list = append(list, Difference{Kind: "bytes", Name: "signatures, notes or unused bytes", A: "some", B: "others"})
	}
	return list, nil
}

// merge adds a segment's differences. What is in the list already for other segments gets one more of them, and all of
// the same segments are kept together.
func merge(list []Difference, segment string, more []Difference) []Difference {
	for _, d := range more {
		same := func(x Difference) bool {
			return len(x.Segments) > 0 && x.Kind == d.Kind && x.Name == d.Name && x.A == d.A && x.B == d.B
		}
		if i := slices.IndexFunc(list, same); i >= 0 {
			list[i].Segments = append(list[i].Segments, segment)
			continue
		}
		d.Segments = []string{segment}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(x, y Difference) int {
		return cmp.Compare(len(y.Segments)*min(1, len(x.Segments)), len(x.Segments)*min(1, len(y.Segments)))
	})
	return list
}

func differences(a, b facts) []Difference {
	var list []Difference
	for _, kind := range Kinds() {
		var of []Difference
		for name, text := range a[kind] {
			if other := b[kind][name]; other != text {
				of = append(of, Difference{Kind: kind, Name: name, A: text, B: other})
			}
		}
		for name, text := range b[kind] {
			if _, both := a[kind][name]; !both {
				of = append(of, Difference{Kind: kind, Name: name, B: text})
			}
		}
		slices.SortFunc(of, func(x, y Difference) int {
			return cmp.Or(cmp.Compare(len(number(x.Name)), len(number(y.Name))), cmp.Compare(x.Name, y.Name))
		})
		list = append(list, of...)
	}
	return list
}

// number returns the digits that a name begins with, so that 23 comes before 160.
func number(name string) string { return name[:len(name)-len(strings.TrimLeft(name, "0123456789"))] }

func packageFacts(p *Package) facts {
	f := facts{}
	if m := p.Metadata(); m != nil {
		f.add("package", "name", m.Name)
		f.add("package", "version", m.Version.String())
	}
	for _, s := range p.Segments {
		f.add("segment", s.Type.String(), There)
	}
	return f
}

// facts collects what a configuration has.
func (s *Segment) facts() (facts, error) {
	f := facts{}
	info, err := s.Info()
	if err != nil {
		return nil, err
	}
	f.add("config", "name", info.Name)
	f.add("config", "version", info.Version.String())
	f.add("config", "track", fmt.Sprintf("%#08x", info.Track))
	for _, d := range s.Devices {
		f.add("config", "device "+d.String(), There)
	}
	p, err := s.Parser(false)
	switch {
	case err == nil:
		p.facts(f)
	case !errors.Is(err, ErrNoParser):
		return nil, err
	}
	labels, err := s.Labels(LabelProtocol)
	if err != nil {
		return nil, err
	}
	for i := range blocks {
		b, err := s.readBlock(&blocks[i])
		if err != nil {
			return nil, err
		}
		b.facts(f, labels)
	}
	for i := range s.Buffers {
		for _, sec := range s.Buffers[i].Sections {
			name := sec.Type.String()
			f.add("section", name, f["section"][name]+string(sec.Data))
		}
	}
	for name, data := range f["section"] {
		f["section"][name] = fmt.Sprintf("sha256:%.8x", sha256.Sum256([]byte(data)))
	}
	return f, nil
}

func (p *Parser) facts(f facts) {
	for _, h := range p.Protocols() {
		f.add("protocol", h, There)
	}
	g := p.Graph()
	for _, n := range g.Nodes[1 : len(g.Nodes)-1] {
		f.add("node", n.Name, There)
	}
	for _, e := range g.Edges[1:] {
		f.add("edge", strings.TrimSpace(g.Nodes[e.From].Name+" "+e.Label), "-> "+g.Nodes[e.To].Name)
	}
	for _, l := range p.PacketTypes() {
		f.add("ptype", fmt.Sprintf("%d %s", l.Value, l.Name), There)
	}
	for _, l := range p.Names.Boost {
		if int(l.Value) < len(p.Boost) && p.Boost[l.Value].Group != 0 {
			f.add("boost", l.Name, There)
		}
	}
}

func (b *Block) facts(f facts, protocols Labels) {
	for _, id := range b.Used() {
		f.add("profile", b.Name+" "+b.ProfileName(id), b.Vector(id).Text(protocols))
	}
}

// Protocols returns the names of the protocols that the parser can record, in the order of their numbers.
func (p *Parser) Protocols() []string {
	names := p.Names.tables()
	var found [256]bool
	for _, table := range [][]GraphEntry{p.CAM, p.Spill, p.NoMatch, p.NoMatchSpill} {
		for _, e := range table {
			switch {
			case !e.Key.Valid:
			case !e.Action.ProtoGroup:
				found[e.Action.Protocol] = true
			case int(e.Action.Protocol) < len(p.ProtoGroups):
				for _, po := range p.ProtoGroups[e.Action.Protocol] {
					found[po.Protocol] = true
				}
			}
		}
	}
	var list []string
	for id, is := range found[:noProtocol] {
		if is {
			list = append(list, at(names.protocol, id))
		}
	}
	return list
}

// PacketTypes returns the packet types that the parser can give, in the order of their numbers.
func (p *Parser) PacketTypes() Labels {
	var list Labels
	for _, e := range p.PTypes {
		if !e.Match.Off() && !slices.ContainsFunc(list, func(l Label) bool { return l.Value == e.PType }) {
			list = append(list, Label{e.PType, p.Names.PType.Name(int(e.PType))})
		}
	}
	slices.SortFunc(list, func(a, b Label) int { return cmp.Compare(a.Value, b.Value) })
	return list
}

// Used returns the profiles that entries of the profile TCAM lead to, in the order of their numbers.
func (b *Block) Used() []int {
	var list []int
	for _, p := range b.Profiles {
		if !slices.Contains(list, int(p.Profile)) {
			list = append(list, int(p.Profile))
		}
	}
	slices.Sort(list)
	return list
}

// ProfileName returns a profile's name without the prefix that all have, or "#NUMBER".
func (b *Block) ProfileName(id int) string {
	if name := b.ProfileNames.Name(id); name != "" {
		return strings.TrimPrefix(name, "PROFID_")
	}
	return fmt.Sprintf("#%d", id)
}

// Text writes the words of a field vector, "MAC_DEPTH0+0 MAC_DEPTH0+2 ...", those of metadata as "meta+20"; "none"
// where none is used.
func (v FieldVector) Text(protocols Labels) string {
	var parts []string
	for _, w := range v {
		switch {
		case !w.Used():
		case w.Protocol == noProtocol:
			parts = append(parts, fmt.Sprintf("meta+%d", w.Offset))
		default:
			parts = append(parts, fmt.Sprintf("%s+%d", protocolName(protocols, w.Protocol), w.Offset))
		}
	}
	return cmp.Or(strings.Join(parts, " "), "none")
}
