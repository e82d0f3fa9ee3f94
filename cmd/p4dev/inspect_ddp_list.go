package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/firmware/ddp"
)

// ddpListView are the lists of a configuration.
type ddpListView struct {
	Protocols  []string         `json:"protocols,omitempty"`
	PTypes     []ddpPTypeView   `json:"ptypes,omitempty"`
	Code       []ddpCodeView    `json:"instructions,omitempty"`
	Boost      []ddpBoostView   `json:"boost,omitempty"`
	Groups     []ddpGroupView   `json:"groups,omitempty"`
	Flags      []ddpFlagView    `json:"flags,omitempty"`
	ProfileSet []ddpProfileView `json:"profiles,omitempty"`
	Sections   []ddpSectionView `json:"sections,omitempty"`
}

type ddpPTypeView struct {
	ID      int               `json:"ptype"`
	Name    string            `json:"name"`
	Markers []string          `json:"markers"`
	Groups  map[string]string `json:"groups"` // by block
}

// ddpCodeView is an instruction of the parser.
type ddpCodeView struct {
	PC    int      `json:"pc"`
	Name  string   `json:"name"`
	Boost bool     `json:"boost"` // a hit in the boost TCAM replaces it
	Next  string   `json:"next"`
	ALU   []string `json:"alu"`
}

// ddpGroupView is a group of protocols or of markers.
type ddpGroupView struct {
	Kind    string   `json:"kind"` // "protocol", "marker"
	Group   int      `json:"group"`
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

// ddpBoostView is an entry of the boost TCAM. Value and mask are the packet's bytes from the header offset on, in their
// order, without those behind the last one that counts.
type ddpBoostView struct {
	Entry int    `json:"entry"`
	Name  string `json:"name"`
	Group int    `json:"group"`
	Key   uint8  `json:"key"`
	Value string `json:"value"`
	Mask  string `json:"mask"`
	Off   bool   `json:"off,omitempty"`
}

type ddpProfileView struct {
	Block   string   `json:"block"`
	Entry   int      `json:"entry"`
	Profile int      `json:"profile"`
	Name    string   `json:"name"`
	Group   string   `json:"group"` // "" for any
	Flags   string   `json:"flags"` // value/mask, "" for any
	Fields  []string `json:"fields"`
	ranges  string
}

type ddpFlagView struct {
	Flag   int    `json:"flag"`
	Name   string `json:"name"`
	Parser string `json:"parser_flag"`
}

type ddpSectionView struct {
	Number uint32 `json:"number"`
	Name   string `json:"name"`
	Pieces int    `json:"pieces"`
	Bytes  int    `json:"bytes"`
}

// addLists adds the lists that are wanted, and counts profiles in any case. The parser may be nil.
func (v *ddpConfigView) addLists(s *ddp.Segment, p *ddp.Parser, d *ddpInspect) error {
	protocols, err := s.Labels(ddp.LabelProtocol)
	if err != nil {
		return err
	}
	var list []*ddp.Block
	for _, name := range ddp.Blocks() {
		b, err := s.Block(name)
		if err != nil {
			return err
		}
		list = append(list, b)
		v.Profiles[name] = len(b.Used())
		if d.wants("profiles") {
			v.ProfileSet = append(v.ProfileSet, viewProfiles(b, protocols)...)
		}
	}
	if p != nil {
		v.parserLists(p, list, d)
	}
	if d.wants("sections") {
		v.Sections = viewSections(s)
	}
	return nil
}

func (v *ddpConfigView) parserLists(p *ddp.Parser, list []*ddp.Block, d *ddpInspect) {
	if d.wants("protocols") {
		v.Protocols = p.Protocols()
	}
	if d.wants("ptypes") {
		v.PTypes = viewPTypes(p, list)
	}
	if d.wants("instructions") {
		v.Code = viewCode(p)
	}
	if d.wants("boost") {
		for i := range p.Boost {
			if p.Boost[i].Group != 0 {
				v.Boost = append(v.Boost, viewBoost(&p.Boost[i], p.Names.Boost))
			}
		}
	}
	if d.wants("groups") {
		v.Groups = viewGroups(p)
	}
	if d.wants("flags") {
		for i, f := range p.Flags {
			if f.Expose {
				v.Flags = append(v.Flags, ddpFlagView{i, p.Names.PacketFlag.Name(i), p.Names.ParserFlag.Name(int(f.Flag))})
			}
		}
	}
}

func viewPTypes(p *ddp.Parser, list []*ddp.Block) []ddpPTypeView {
	var views []ddpPTypeView
	for _, l := range p.PacketTypes() {
		t := ddpPTypeView{ID: int(l.Value), Name: l.Name, Groups: map[string]string{}}
		at := slices.IndexFunc(p.PTypes, func(e ddp.PTypeEntry) bool { return e.PType == l.Value && !e.Match.Off() })
		for _, m := range p.PTypes[at].Markers() {
			t.Markers = append(t.Markers, named(p.Names.Marker, "M_", m))
		}
		for _, b := range list {
			if group := b.GroupOf(t.ID); group != "" {
				t.Groups[b.Name] = group
			}
		}
		views = append(views, t)
	}
	return views
}

// named is the label of a number without its prefix, or "#NUMBER".
func named(labels ddp.Labels, prefix string, i int) string {
	return orElse(strings.TrimPrefix(labels.Name(i), prefix), fmt.Sprintf("#%d", i))
}

// viewCode lists the instructions that have names; what is behind them is never reached.
func viewCode(p *ddp.Parser) []ddpCodeView {
	var views []ddpCodeView
	for pc := range p.Instructions {
		in := &p.Instructions[pc]
		if p.Names.Instruction.Name(pc) == "" {
			continue
		}
		v := ddpCodeView{PC: pc, Name: named(p.Names.Instruction, "PC_", pc), Boost: in.BoostGraph, Next: in.Next.String()}
		for _, a := range in.ALU {
			if text := a.String(); text != "" {
				v.ALU = append(v.ALU, text)
			}
		}
		views = append(views, v)
	}
	return views
}

func viewGroups(p *ddp.Parser) []ddpGroupView {
	var views []ddpGroupView
	for i, g := range p.ProtoGroups {
		v := ddpGroupView{Kind: "protocol", Group: i, Name: named(p.Names.ProtoGroup, "PG_", i)}
		for _, po := range g {
			at := fmt.Sprintf("+%d", po.Offset)
			if po.FromEnd {
				at = fmt.Sprintf("-%d", po.Offset)
			}
			v.Members = append(v.Members, named(p.Names.Protocol, "", int(po.Protocol))+at)
		}
		views = append(views, v)
	}
	for i, g := range p.MarkerGroups {
		v := ddpGroupView{Kind: "marker", Group: i, Name: named(p.Names.MarkerGroup, "MG_", i)}
		for _, m := range g {
			v.Members = append(v.Members, named(p.Names.Marker, "M_", int(m)))
		}
		views = append(views, v)
	}
	return slices.DeleteFunc(views, func(v ddpGroupView) bool { return len(v.Members) == 0 })
}

func viewBoost(b *ddp.BoostEntry, names ddp.Labels) ddpBoostView {
	n := len(b.Match.Value) - 1
	v := ddpBoostView{Entry: int(b.Address), Name: names.Name(int(b.Address)), Group: int(b.Group), Key: b.Match.Value[n], Off: b.Match.Off()}
	value, mask := slices.Clone(b.Match.Value[:n]), slices.Clone(b.Match.Mask[:n])
	slices.Reverse(value)
	slices.Reverse(mask)
	end := n
	for end > 0 && mask[end-1] == 0 {
		end--
	}
	v.Value, v.Mask = fmt.Sprintf("%x", value[:end]), fmt.Sprintf("%x", mask[:end])
	return v
}

func viewProfiles(b *ddp.Block, protocols ddp.Labels) []ddpProfileView {
	var list []ddpProfileView
	for _, p := range b.Profiles {
		id := int(p.Profile)
		v := ddpProfileView{Block: b.Name, Entry: int(p.Address), Profile: id, Name: b.ProfileName(id),
			Fields: strings.Fields(b.Vector(id).Text(protocols)), ranges: b.Vector(id).Ranges(protocols)}
		if p.Group.Mask != 0 {
			v.Group = orElse(strings.TrimPrefix(b.GroupNames.Name(int(p.Group.Value)), "PTG_"), fmt.Sprintf("#%d", p.Group.Value))
		}
		if p.Flags.Mask != 0 {
			v.Flags = fmt.Sprintf("%04x/%04x", p.Flags.Value, p.Flags.Mask)
		}
		list = append(list, v)
	}
	return list
}

// viewSections adds up the sections of each type, in the order in which the types appear.
func viewSections(s *ddp.Segment) []ddpSectionView {
	var list []ddpSectionView
	for i := range s.Buffers {
		for _, sec := range s.Buffers[i].Sections {
			at := slices.IndexFunc(list, func(v ddpSectionView) bool { return v.Number == uint32(sec.Type) })
			if at < 0 {
				at = len(list)
				list = append(list, ddpSectionView{Number: uint32(sec.Type), Name: sec.Type.String()})
			}
			list[at].Pieces++
			list[at].Bytes += len(sec.Data)
		}
	}
	return list
}

func (v *ddpListView) text(w io.Writer) error {
	if len(v.Protocols) > 0 {
		fmt.Fprintf(w, "  protocols %s\n", strings.Join(v.Protocols, " "))
	}
	tables := []struct {
		header string
		rows   [][]string
	}{
		{"PTYPE NAME SW ACL FD RSS PE MARKERS", v.ptypeRows()}, {"PC NAME BOOST NEXT ALU", v.codeRows()},
		{"BOOST NAME GROUP KEY VALUE MASK", v.boostRows()}, {"KIND GROUP NAME MEMBERS", v.groupRows()},
		{"FLAG NAME PARSER", v.flagRows()}, {"BLOCK ENTRY PROFILE NAME GROUP FLAGS FIELDS", v.profileRows()},
		{"SECTION NAME PIECES BYTES", v.sectionRows()},
	}
	for _, t := range tables {
		if len(t.rows) == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := table(w, t.header, t.rows); err != nil {
			return err
		}
	}
	return nil
}

func (v *ddpListView) ptypeRows() (rows [][]string) {
	for _, t := range v.PTypes {
		row := []string{fmt.Sprint(t.ID), orElse(t.Name, "-")}
		for _, b := range ddp.Blocks() {
			row = append(row, orElse(t.Groups[b], "-"))
		}
		rows = append(rows, append(row, strings.Join(t.Markers, " ")))
	}
	return rows
}

func (v *ddpListView) codeRows() (rows [][]string) {
	for _, c := range v.Code {
		boost := "no"
		if c.Boost {
			boost = "yes"
		}
		rows = append(rows, []string{fmt.Sprint(c.PC), c.Name, boost, c.Next, orElse(strings.Join(c.ALU, "; "), "-")})
	}
	return rows
}

func (v *ddpListView) groupRows() (rows [][]string) {
	for _, g := range v.Groups {
		rows = append(rows, []string{g.Kind, fmt.Sprint(g.Group), g.Name, strings.Join(g.Members, " ")})
	}
	return rows
}

func (v *ddpListView) boostRows() (rows [][]string) {
	for _, b := range v.Boost {
		value := orElse(b.Value, "-")
		if b.Off {
			value = "off"
		}
		rows = append(rows, []string{fmt.Sprint(b.Entry), orElse(b.Name, "-"), fmt.Sprint(b.Group), fmt.Sprint(b.Key), value, orElse(b.Mask, "-")})
	}
	return rows
}

func (v *ddpListView) profileRows() (rows [][]string) {
	for _, p := range v.ProfileSet {
		rows = append(rows, []string{p.Block, fmt.Sprint(p.Entry), fmt.Sprint(p.Profile), p.Name, orElse(p.Group, "any"), orElse(p.Flags, "any"), p.ranges})
	}
	return rows
}

func (v *ddpListView) flagRows() (rows [][]string) {
	for _, f := range v.Flags {
		rows = append(rows, []string{fmt.Sprint(f.Flag), orElse(f.Name, "-"), orElse(f.Parser, "-")})
	}
	return rows
}

func (v *ddpListView) sectionRows() (rows [][]string) {
	for _, s := range v.Sections {
		number := fmt.Sprint(s.Number)
		if s.Number >= 1<<31 {
			number = fmt.Sprintf("%#x", s.Number)
		}
		rows = append(rows, []string{number, s.Name, fmt.Sprint(s.Pieces), fmt.Sprint(s.Bytes)})
	}
	return rows
}
