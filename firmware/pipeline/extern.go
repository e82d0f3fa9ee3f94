package pipeline

// Calculation is a hash or checksum over a list of inputs. The inputs are concatenated bit by bit in order,
// the first in the most significant place, and padded with zero bits at the end to whole bytes.
type Calculation struct {
	Index  int
	Name   string
	Source Source
	Algo   string // BMv2's name: "crc16", "csum16", ...
	// Input are *FieldRef, *Const with a width, *HeaderRef (the whole header, if valid) and *Payload.
	Input []Expr
}

// Checksum ties a Calculation to a field.
type Checksum struct {
	Index       int
	Name        string
	Source      Source
	Target      *FieldRef
	Calculation *Calculation
	If          Expr // boolean; nil: always
	Verify      bool // after the parser: a difference sets checksum_error
	Update      bool // before the deparser
}

// Counter is an array of counters, or a table's direct counter. Bytes and packets are always both counted.
type Counter struct {
	Index  int
	Name   string
	Source Source
	Size   int    // elements; 0 for a direct counter
	Table  *Table // of a direct counter, else nil

	ID          uint32
	Alias       string
	Annotations []Annotation
}

// Meter is an array of meters, or a table's direct meter. The algorithm is the two-rate three-colour
// marker of RFC 2698; colours are 0 green, 1 yellow, 2 red.
type Meter struct {
	Index  int
	Name   string
	Source Source
	Size   int // elements; of a direct meter the table's size
	Bytes  bool
	Rates  int       // 2
	Table  *Table    // of a direct meter, else nil
	Target *FieldRef // where a direct meter writes its colour

	ID          uint32
	Alias       string
	Annotations []Annotation
}

// Register is an array of numbers that packets read and write.
type Register struct {
	Index  int
	Name   string
	Source Source
	Size   int
	Width  int // bits
	Signed bool

	ID          uint32
	Alias       string
	Annotations []Annotation
}

// Digest is a list of values for the control plane.
type Digest struct {
	Index    int
	BMv2ID   int // the number that OpDigest names
	Name     string
	Source   Source
	Elements []Expr

	ID          uint32
	Alias       string
	Annotations []Annotation
}

// FieldList names the fields that a resubmitted, recirculated or cloned packet keeps.
type FieldList struct {
	Index    int
	BMv2ID   int // the number that OpResubmit, OpRecirculate and the clones name
	Name     string
	Source   Source
	Elements []Expr
}

// Extern is an instance of an extern type that the model has no word of its own for.
type Extern struct {
	Index      int
	Name       string
	Type       string
	Source     Source
	Attributes map[string]Expr
}
