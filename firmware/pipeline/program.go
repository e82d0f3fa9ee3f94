package pipeline

import "fmt"

// Program is one compiled P4 program. Slices are in the order of the compiler's output.
type Program struct {
	Name    string // P4 source file's name, as the compiler gave it: "l3router.p4"
	Arch    string // architecture, "v1model"
	Version [2]int // version of the input format, {2, 23} for BMv2 JSON 2.23; zero when unknown

	HeaderTypes []*HeaderType
	Headers     []*Header // instances, metadata included
	Stacks      []*Stack
	UnionTypes  []*UnionType
	Unions      []*Union
	UnionStacks []*UnionStack

	Errors []EnumMember // members of P4's error type
	Enums  []*Enum

	Parsers   []*Parser
	ValueSets []*ValueSet
	Deparsers []*Deparser
	Controls  []*Control // BMv2's "pipelines": ingress and egress
	Tables    []*Table   // of all controls, in order
	Actions   []*Action
	Profiles  []*ActionProfile

	Calculations []*Calculation
	Checksums    []*Checksum
	Counters     []*Counter
	Meters       []*Meter
	Registers    []*Register
	Digests      []*Digest
	FieldLists   []*FieldList
	Externs      []*Extern
	Aliases      []Alias
}

// Source is a place in the P4 program. The zero value means that the compiler did not say.
type Source struct {
	File     string
	Line     int // from 1
	Column   int // from 0, as p4c counts
	Fragment string
}

// String returns "file:line:column", or "" for the zero Source.
func (s Source) String() string {
	if s.File == "" && s.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column)
}

// EnumMember is a named value of an enumeration or of P4's error type.
type EnumMember struct {
	Name  string
	Value uint64
}

// Enum is an enumeration of the program.
type Enum struct {
	Name    string
	Members []EnumMember
}

// Alias gives a field a second name, as BMv2's field_aliases do for intrinsic metadata
// ("intrinsic_metadata.mcast_grp").
type Alias struct {
	Name  string
	Field *FieldRef
}

// Annotation is one P4 annotation as P4Info carries it: "@linux_offload(\"raw\")" has Name
// "linux_offload" and Body "\"raw\"".
type Annotation struct {
	Name string
	Body string
}
