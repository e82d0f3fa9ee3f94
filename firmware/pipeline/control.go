package pipeline

import "math/big"

// Control is the control flow of one block: ingress or egress. It is a graph of nodes without cycles.
type Control struct {
	Index        int
	Name         string
	Source       Source
	Start        Node // nil: the block does nothing
	Tables       []*Table
	Conditionals []*Conditional
	Calls        []*ActionCallNode
}

// Node is a step of a Control: *Table, *Conditional or *ActionCallNode. A nil Node is the end of the block.
type Node interface{ NodeName() string }

// Conditional goes one of two ways.
type Conditional struct {
	Index  int // in Control.Conditionals
	Name   string
	Source Source
	If     Expr
	Then   Node
	Else   Node
}

// ActionCallNode runs an action without a table.
type ActionCallNode struct {
	Index  int // in Control.Calls
	Name   string
	Source Source
	Action *Action
	Next   Node
}

// Table is a match-action table.
type Table struct {
	Index   int // in Program.Tables
	Name    string
	Source  Source
	Control *Control
	Keys    []*Key
	Match   MatchKind // of the table as a whole: range before ternary before lpm before exact
	Size    int       // most entries
	Actions []*Action
	Scopes  []ActionScope // one per element of Actions; nil: all of them anywhere

	// What comes next: after a hit and a miss where the program asks for hit or miss (ByHit), else by
	// the action that ran, one per element of Actions.
	ByHit     bool
	HitNext   Node
	MissNext  Node
	Next      []Node
	EmptyNext Node // where no action ran: an indirect table without a default member (BMv2's base_default_next)

	Default        *ActionCall // the program's default action; nil: a miss runs nothing
	DefaultConst   bool        // the default action may not be changed
	DefaultArgs    bool        // its arguments may not be changed either
	Entries        []*Entry    // entries of the program
	Immutable      bool        // with entries of the program: none may be added or removed at run time
	Profile        *ActionProfile
	Counter        *Counter // direct, or nil
	Meter          *Meter   // direct, or nil
	SupportTimeout bool

	ID          uint32 // P4Info id, 0 without P4Info (tables that the compiler made have none)
	Alias       string
	Annotations []Annotation
	Hidden      bool // made by the compiler, no name for the control plane
}

// NodeName returns the table's name.
func (t *Table) NodeName() string { return t.Name }

// NodeName returns the conditional's name.
func (c *Conditional) NodeName() string { return c.Name }

// NodeName returns the call's name.
func (c *ActionCallNode) NodeName() string { return c.Name }

// Key is one component of a table's key.
type Key struct {
	Index int // in Table.Keys
	Name  string
	Kind  MatchKind
	Width int      // bits
	Expr  Expr     // *FieldRef, or *ValidRef: for MatchValid always, for other kinds with Width 1
	Mask  *big.Int // applied to the field before matching; nil: all of it

	ID          uint32 // P4Info id of the match field
	Annotations []Annotation
}

// MatchKind is a P4 match kind.
type MatchKind int

// The match kinds, weakest first.
const (
	MatchExact    MatchKind = iota
	MatchValid              // a validity bit; matches exactly
	MatchLPM                // longest prefix
	MatchTernary            // value and mask
	MatchOptional           // a value or anything; ternary in BMv2 JSON, told apart by P4Info
	MatchRange              // low to high, inclusive
)

// String returns P4's name of the kind.
func (k MatchKind) String() string {
	names := [...]string{"exact", "valid", "lpm", "ternary", "optional", "range"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// NeedsPriority reports whether entries of a table with such a key carry a priority.
func (k MatchKind) NeedsPriority() bool { return k >= MatchTernary }

// ActionScope says where a table may use an action.
type ActionScope int

// The scopes, which P4 writes as the annotations @tableonly and @defaultonly.
const (
	ScopeAny     ActionScope = iota
	ScopeTable               // in entries only
	ScopeDefault             // as default action only
)

// Action is a list of primitives with parameters. A compiler may emit several actions of one name, one for
// each table that uses it: within a table the name is unique.
type Action struct {
	Index  int
	Name   string
	Source Source
	Params []*ActionParam
	Body   []Primitive

	ID          uint32 // P4Info id, 0 without P4Info
	Alias       string
	Annotations []Annotation
}

// ActionParam is a parameter that an entry gives a value to.
type ActionParam struct {
	Index int
	Name  string
	Width int // bits

	ID          uint32
	Annotations []Annotation
}

// ActionProfile is a table implementation: members (actions with data) that entries refer to, and with a
// selector groups of members.
type ActionProfile struct {
	Index    int
	Name     string
	Source   Source
	Size     int       // most members, 0: not stated
	Selector *Selector // nil: an action profile without groups
	Tables   []*Table

	ID           uint32
	Alias        string
	MaxGroupSize int
	Annotations  []Annotation
}

// Selector picks the member of a group: hash of Input with Algorithm, modulo the group's size.
type Selector struct {
	Algorithm string
	Input     []Expr
}
