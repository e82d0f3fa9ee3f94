package ddp

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Block is a stage behind the parser that looks a packet up: by packet type and interface it finds a profile, and the
// profile says which words of the packet make the key.
type Block struct {
	Name       string        // "sw", "acl", "fd", "rss", "pe"
	Groups     []uint8       // packet type group of each packet type (XLT1)
	Interfaces []uint16      // group of each virtual interface (XLT2)
	Profiles   []Profile     // entries of the profile TCAM that can match, by address
	Redirect   []uint8       // field vector of each profile
	Vectors    []FieldVector // by index
	Flags      *FlagBuilder  // nil without one

	GroupNames, ProfileNames Labels
}

// blockInfo is what tells the blocks apart.
type blockInfo struct {
	name           string
	first          SectionType // of its tables
	group, profile SectionType // labels
}

var blocks = [...]blockInfo{
	{"sw", 10, 0x80000025, 0x80000030}, {"acl", 20, 0x80000026, 0x80000031}, {"fd", 30, 0x80000029, 0x80000034},
	{"rss", 40, 0x80000028, 0x80000033}, {"pe", 80, 0x80000027, 0x80000032},
}

// Blocks returns the names of the blocks: switch, access lists, flow director, receive-side scaling, protocol engine.
func Blocks() []string {
	names := make([]string, len(blocks))
	for i := range blocks {
		names[i] = blocks[i].name
	}
	return names
}

// Profile is an entry of the profile TCAM.
type Profile struct {
	Address    uint16
	Profile    uint8
	Flags      TernaryWord // the block's 16 packet flags
	Group      TernaryWord // packet type group, 8 bits
	Interfaces TernaryWord // group of interfaces, and control domain
}

// TernaryWord is a value of which Mask counts.
type TernaryWord struct{ Value, Mask uint16 }

// FieldVector is the words of the packet that a profile's key is made of, in the order of the hardware.
type FieldVector []FieldWord

// FieldWord is two bytes of the packet. Protocol 255 is metadata.
type FieldWord struct {
	Protocol uint8
	Offset   uint16 // bytes from the start of the header
}

// noField is the offset of a word that is not used.
const noField = 0x1ff

// Used reports whether the word is part of the key.
func (w FieldWord) Used() bool { return w.Offset != noField }

// FlagBuilder picks the 16 flags of a block out of the 64 packet flags.
type FlagBuilder struct {
	Select [15]uint8 // packet flag of flags 0 to 14
	Any    uint64    // packet flags of which one sets flag 15
}

// hardwarePTypes is how many packet types there are; XLT1 has more entries, for other modes.
const hardwarePTypes = 1024

// Block reads the tables of a block, by its name. A block that the segment has no tables of is empty.
func (s *Segment) Block(name string) (*Block, error) {
	for i := range blocks {
		if blocks[i].name == name {
			b, err := s.readBlock(&blocks[i])
			if err != nil {
				return nil, fmt.Errorf("ddp: read %s block: %w", name, err)
			}
			return b, nil
		}
	}
	return nil, fmt.Errorf("ddp: read block: %q is none of %v", name, Blocks())
}

func (s *Segment) readBlock(info *blockInfo) (*Block, error) {
	b := &Block{Name: info.name}
	r := &tableReader{segment: s}
	b.Groups = readInto(r, info.first+blockXLT1, tableShape{1, 8192, false}, func(e []byte) uint8 { return e[0] })
	b.Groups = b.Groups[:min(len(b.Groups), hardwarePTypes)]
	b.Interfaces = readInto(r, info.first+blockXLT2, tableShape{2, 1024, false}, binary.LittleEndian.Uint16)
	b.Redirect = readInto(r, info.first+blockRedirect, tableShape{1, 256, false}, func(e []byte) uint8 { return e[0] })
	b.GroupNames, b.ProfileNames = r.labels(info.group), r.labels(info.profile)
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if b.Profiles, err = s.profiles(info.first + blockProfileTCAM); err != nil {
		return nil, err
	}
	if b.Vectors, err = s.vectors(info.first + blockFieldVector); err != nil {
		return nil, err
	}
	b.Flags, err = s.flagBuilder(info.first + blockKeyBuilder)
	return b, err
}

// profiles reads a profile TCAM, whose sections have no first index.
func (s *Segment) profiles(t SectionType) ([]Profile, error) {
	const size = 13 // address, 2 times 5 bytes of key, profile
	var list []Profile
	for _, sec := range s.sections(t) {
		if len(sec.Data) < 2 {
			return nil, sec.short("entry count")
		}
		n := int(binary.LittleEndian.Uint16(sec.Data))
		if 2+n*size > len(sec.Data) {
			return nil, sec.short(fmt.Sprintf("%d entries of %d bytes", n, size))
		}
		for i := range n {
			e := sec.Data[2+i*size:][:size]
			key := ternary(e[2:7], e[7:12])
			if key.Off() {
				continue
			}
			word := func(at int) TernaryWord {
				return TernaryWord{binary.LittleEndian.Uint16(key.Value[at:]), binary.LittleEndian.Uint16(key.Mask[at:])}
			}
			list = append(list, Profile{Address: binary.LittleEndian.Uint16(e), Profile: e[12], Flags: word(0),
				Group: TernaryWord{uint16(key.Value[2]), uint16(key.Mask[2])}, Interfaces: word(3)})
		}
	}
	return list, nil
}

// vectors reads the field vectors, whose length the section tells.
func (s *Segment) vectors(t SectionType) ([]FieldVector, error) {
	const word, most = 4, 256
	var list []FieldVector
	for _, sec := range s.sections(t) {
		if len(sec.Data) < 4 {
			return nil, sec.short("header")
		}
		n, first := int(binary.LittleEndian.Uint16(sec.Data)), int(binary.LittleEndian.Uint16(sec.Data[2:]))
		if n == 0 {
			continue
		}
		size := (len(sec.Data) - 4) / n
		if size < word || size%word != 0 || first+n > most {
			return nil, &FormatError{Offset: sec.Offset, Section: sec.Type.String() + ": header",
				Err: fmt.Errorf("%d field vectors from %d on in %d bytes", n, first, len(sec.Data)-4)}
		}
		for len(list) < first+n {
			list = append(list, nil)
		}
		for i := range n {
			list[first+i] = decodeVector(sec.Data[4+i*size:][:size])
		}
	}
	return list, nil
}

func decodeVector(e []byte) FieldVector {
	v := make(FieldVector, len(e)/4)
	for i := range v {
		v[i] = FieldWord{e[4*i], binary.LittleEndian.Uint16(e[4*i+1:])}
	}
	return v
}

// flagBuilder reads a key builder: partition modes, the flags of flag 15, then entries of 24 bytes, of which the
// first one counts.
func (s *Segment) flagBuilder(t SectionType) (*FlagBuilder, error) {
	const header, entry = 12, 24
	sec := s.section(t)
	if sec == nil {
		return nil, nil
	}
	if len(sec.Data) < header+entry {
		return nil, sec.short("key builder")
	}
	f := &FlagBuilder{Any: binary.LittleEndian.Uint64(sec.Data[4:])}
	for i := range f.Select {
		f.Select[i] = uint8(bits(sec.Data[header:], 38+9*i, 6))
	}
	return f, nil
}

// Apply returns the block's flags for a packet's.
func (f *FlagBuilder) Apply(packet uint64) uint16 {
	var flags uint16
	for i, from := range f.Select {
		flags |= uint16(packet>>from&1) << i
	}
	if f.Any&packet != 0 {
		flags |= 1 << 15
	}
	return flags
}

// Find returns the profile of a packet: of a packet type, with packet flags, from interfaces that are in no group.
// The first entry that matches counts; nil: none does.
func (b *Block) Find(ptype int, packetFlags uint64) *Profile {
	group, flags := uint16(0), uint16(0)
	if ptype >= 0 && ptype < len(b.Groups) {
		group = uint16(b.Groups[ptype])
	}
	if b.Flags != nil {
		flags = b.Flags.Apply(packetFlags)
	}
	for i := range b.Profiles {
		p := &b.Profiles[i]
		if p.Group.matches(group) && p.Flags.matches(flags) && p.Interfaces.matches(0) {
			return p
		}
	}
	return nil
}

func (w TernaryWord) matches(v uint16) bool { return v&w.Mask == w.Value }

// GroupOf returns the name of a packet type's group without the prefix that all have, or "#NUMBER"; "" where the block
// has no groups.
func (b *Block) GroupOf(ptype int) string {
	if len(b.Groups) == 0 {
		return ""
	}
	group := 0
	if ptype >= 0 && ptype < len(b.Groups) {
		group = int(b.Groups[ptype])
	}
	if name := b.GroupNames.Name(group); name != "" {
		return strings.TrimPrefix(name, "PTG_")
	}
	return fmt.Sprintf("#%d", group)
}

// Vector returns the field vector of a profile; nil where it has none.
func (b *Block) Vector(profile int) FieldVector {
	if profile < 0 || profile >= len(b.Redirect) || int(b.Redirect[profile]) >= len(b.Vectors) {
		return nil
	}
	return b.Vectors[b.Redirect[profile]]
}
