package bmv2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Limits of what is read, far beyond what p4c writes.
const (
	maxWidth  = 1 << 16   // bits of a field, a parameter, a constant
	maxHeader = 1 << 20   // bits of a header
	maxSize   = 1 << 30   // elements of an array, entries of a table
	maxID     = 1<<31 - 1 // numbers of objects
	maxDepth  = 400       // nested expressions
)

// importer holds the state of one Import: the program so far and the names it has.
type importer struct {
	prog     *pipeline.Program
	findings []error
	reported map[string]bool // texts of findings

	types       map[string]*pipeline.HeaderType
	headers     map[string]*pipeline.Header
	headerIDs   map[int]*pipeline.Header
	stacks      map[string]*pipeline.Stack
	unionTypes  map[string]*pipeline.UnionType
	unions      map[string]*pipeline.Union
	unionIDs    map[int]*pipeline.Union
	unionStacks map[string]*pipeline.UnionStack
	valueSets   map[string]*pipeline.ValueSet
	counters    map[string]*pipeline.Counter
	meters      map[string]*pipeline.Meter
	registers   map[string]*pipeline.Register
	calcs       map[string]*pipeline.Calculation
	externs     map[string]*pipeline.Extern
	digests     map[int]*pipeline.Digest
	fieldLists  map[int]*pipeline.FieldList
	actions     map[int]*pipeline.Action
	actionNames map[string][]*pipeline.Action
	profiles    map[string]*pipeline.ActionProfile
	tables      map[string]*pipeline.Table

	bindings []binding // of direct counters and meters, until the tables are known
}

// Import reads BMv2 JSON of format 2.x. The program's ids are derived from its names as p4c derives those of
// P4Info; Apply replaces them. The error, if any, joins one *ImportError per finding.
func Import(data []byte) (*pipeline.Program, error) {
	prog, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("bmv2: import program: %w", err)
	}
	deriveIDs(prog)
	return prog, nil
}

// ImportFile is Import of a file.
func ImportFile(path string) (*pipeline.Program, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("bmv2: import program: %w", err)
	}
	prog, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("bmv2: import %s: %w", path, err)
	}
	deriveIDs(prog)
	return prog, nil
}

// Open is Import followed by Apply. Without P4Info (nil or empty) it is Import alone.
func Open(jsonData, p4infoData []byte) (*pipeline.Program, error) {
	prog, err := Import(jsonData)
	if err != nil || len(p4infoData) == 0 {
		return prog, err
	}
	info, err := ReadP4Info(p4infoData)
	if err != nil {
		return nil, err
	}
	if err := Apply(prog, info); err != nil {
		return nil, err
	}
	return prog, nil
}

func read(data []byte) (*pipeline.Program, error) {
	imp := newImporter()
	root := &node{imp: imp}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&root.val); err != nil {
		return nil, &ImportError{Err: &detail{ErrSyntax, err.Error()}}
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, &ImportError{Err: &detail{ErrSyntax, "something follows the program"}}
	}
	if root.object() == nil {
		return nil, errors.Join(imp.findings...)
	}
	imp.program(root)
	if len(imp.findings) > 0 {
		return nil, errors.Join(imp.findings...)
	}
	return imp.prog, nil
}

func newImporter() *importer {
	return &importer{
		prog:        &pipeline.Program{Arch: "v1model"},
		reported:    map[string]bool{},
		types:       map[string]*pipeline.HeaderType{},
		headers:     map[string]*pipeline.Header{},
		headerIDs:   map[int]*pipeline.Header{},
		stacks:      map[string]*pipeline.Stack{},
		unionTypes:  map[string]*pipeline.UnionType{},
		unions:      map[string]*pipeline.Union{},
		unionIDs:    map[int]*pipeline.Union{},
		unionStacks: map[string]*pipeline.UnionStack{},
		valueSets:   map[string]*pipeline.ValueSet{},
		counters:    map[string]*pipeline.Counter{},
		meters:      map[string]*pipeline.Meter{},
		registers:   map[string]*pipeline.Register{},
		calcs:       map[string]*pipeline.Calculation{},
		externs:     map[string]*pipeline.Extern{},
		digests:     map[int]*pipeline.Digest{},
		fieldLists:  map[int]*pipeline.FieldList{},
		actions:     map[int]*pipeline.Action{},
		actionNames: map[string][]*pipeline.Action{},
		profiles:    map[string]*pipeline.ActionProfile{},
		tables:      map[string]*pipeline.Table{},
	}
}

// program reads the sections in the order in which they depend on each other. A section that is absent is
// empty.
func (imp *importer) program(root *node) {
	imp.prog.Name = root.optional("program").text()
	imp.version(root)
	each(root, "header_types", imp.headerType)
	each(root, "headers", imp.header)
	each(root, "header_stacks", imp.stack)
	each(root, "header_union_types", imp.unionType)
	each(root, "header_unions", imp.union)
	each(root, "header_union_stacks", imp.unionStack)
	imp.prog.Errors = imp.members(root.optional("errors"))
	each(root, "enums", imp.enum)
	for _, n := range root.optional("field_aliases").items() {
		imp.alias(n)
	}

	each(root, "parse_vsets", imp.valueSet)
	each(root, "counter_arrays", imp.counter)
	each(root, "meter_arrays", imp.meter)
	each(root, "register_arrays", imp.register)
	each(root, "calculations", imp.calculation)
	each(root, "learn_lists", imp.digest)
	each(root, "field_lists", imp.fieldList)
	each(root, "extern_instances", imp.extern)

	each(root, "actions", imp.action)
	each(root, "parsers", imp.parser)
	imp.valueSetKeys()
	each(root, "deparsers", imp.deparser)
	each(root, "pipelines", imp.control)
	imp.bind()
	each(root, "checksums", imp.checksum)
}

// each calls read for every element of a section.
func each(root *node, section string, read func(*node)) {
	for _, n := range root.optional(section).items() {
		if n.object() != nil {
			read(n)
		}
	}
}

func (imp *importer) version(root *node) {
	n := root.member("__meta__").member("version")
	v := n.tuple(2, 2)
	if v == nil {
		return
	}
	imp.prog.Version = [2]int{v[0].integer(0, maxID), v[1].integer(0, maxID)}
	if imp.prog.Version[0] != 2 {
		n.fail(ErrVersion, "%d.%d, want 2.x", imp.prog.Version[0], imp.prog.Version[1])
	}
}
