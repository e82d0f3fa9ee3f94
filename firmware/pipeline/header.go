package pipeline

// HeaderType is the layout of a header or of a metadata struct.
type HeaderType struct {
	Index  int
	Name   string
	Fields []*Field
	Width  int    // bits of all fixed fields together
	Var    *Field // the varbit field, or nil; at most one
	// MaxBytes bounds a header with a varbit field, fixed fields included, in bytes: BMv2's max_length. 0 where
	// there is no varbit field.
	MaxBytes int
	// VarLength is the varbit field's length in bits as an expression over the header's own fields, for
	// headers of P4_14 that are extracted without a length (BMv2's length_exp); else nil. A Param in it is the
	// header's own field of that index.
	VarLength Expr
}

// Field is one member of a HeaderType.
type Field struct {
	Index  int // in HeaderType.Fields
	Name   string
	Width  int // bits; of a varbit field the largest possible width
	Offset int // bits from the start of the header; behind a varbit field: as if that one were empty
	Signed bool
	Var    bool // varbit
}

// Header is an instance of a HeaderType: a header of the packet, an element of a Stack, a member of a
// Union, or a metadata struct.
type Header struct {
	Index    int
	Name     string
	Type     *HeaderType
	Metadata bool // always valid, zero at the start of a packet, never extracted or emitted

	Stack      *Stack // the stack it is an element of, or nil
	StackIndex int    // its place there
	Union      *Union // the union it is a member of, or nil
	UnionIndex int    // its place there
}

// Stack is a header stack. Elements are instances in Program.Headers.
type Stack struct {
	Index  int
	Name   string
	Type   *HeaderType
	Header []*Header // in order; len is the size of the stack
}

// UnionType is a header union's type.
type UnionType struct {
	Index   int
	Name    string
	Members []UnionMember
}

// UnionMember is one alternative of a UnionType.
type UnionMember struct {
	Name string
	Type *HeaderType
}

// Union is an instance of a UnionType; at most one of its headers is valid.
type Union struct {
	Index      int
	Name       string
	Type       *UnionType
	Header     []*Header // one per member, in the type's order
	Stack      *UnionStack
	StackIndex int
}

// UnionStack is a stack of header unions.
type UnionStack struct {
	Index int
	Name  string
	Type  *UnionType
	Union []*Union
}
