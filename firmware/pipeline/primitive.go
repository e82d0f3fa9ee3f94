package pipeline

// Primitive is one step of an action, a parser state or a deparser.
type Primitive struct {
	Op     Op
	Args   []Expr
	Source Source
}

// Op is a primitive's name, BMv2's own. The comment behind each constant lists its arguments.
type Op string

// Operations of a parser.
const (
	OpExtract    Op = "extract"    // *HeaderRef, *StackRef (next element) or *UnionStackRef (next union, member)
	OpExtractVar Op = "extract_VL" // target as for OpExtract, length of the varbit field in bits
	OpSet        Op = "set"        // destination, value
	OpVerify     Op = "verify"     // condition (boolean), error (number)
	OpShift      Op = "shift"      // bytes
	OpAdvance    Op = "advance"    // bits
)

// Core primitives.
const (
	OpAssign           Op = "assign"              // destination, value
	OpAssignVar        Op = "assign_VL"           // destination varbit, value
	OpAssignHeader     Op = "assign_header"       // destination, source
	OpAssignUnion      Op = "assign_union"        // destination, source
	OpAssignStack      Op = "assign_header_stack" // destination, source
	OpAssignUnionStack Op = "assign_union_stack"  // destination, source
	OpPush             Op = "push"                // stack, count
	OpPop              Op = "pop"                 // stack, count
	OpJump             Op = "_jump"               // index of the primitive to go on with, the body's length for its end; loops jump back
	OpJumpIfZero       Op = "_jump_if_zero"       // condition (boolean), index as for OpJump
	OpExit             Op = "exit"
	OpAssume           Op = "assume"  // condition (boolean)
	OpAssert           Op = "assert"  // condition (boolean)
	OpLogMsg           Op = "log_msg" // format, list
)

// Primitives of v1model (BMv2's simple_switch), those of P4_14 among them.
const (
	OpModifyField   Op = "modify_field"             // destination, value
	OpRandom        Op = "modify_field_rng_uniform" // destination, low, high; both included
	OpAddToField    Op = "add_to_field"             // destination, value
	OpSubtractFrom  Op = "subtract_from_field"      // destination, value
	OpAddTo         Op = "add"                      // destination, left, right
	OpSubtract      Op = "subtract"                 // destination, left, right
	OpXor           Op = "bit_xor"                  // destination, left, right
	OpOrTo          Op = "bit_or"                   // destination, left, right
	OpAndTo         Op = "bit_and"                  // destination, left, right
	OpShiftLeft     Op = "shift_left"               // destination, left, right
	OpShiftRight    Op = "shift_right"              // destination, left, right
	OpDrop          Op = "drop"
	OpMarkToDrop    Op = "mark_to_drop"                        // standard_metadata header, absent in old programs
	OpDigest        Op = "generate_digest"                     // receiver, digest id
	OpAddHeader     Op = "add_header"                          // header
	OpAddHeaderFast Op = "add_header_fast"                     // header
	OpRemoveHeader  Op = "remove_header"                       // header
	OpCopyHeader    Op = "copy_header"                         // destination, source
	OpCloneIngress  Op = "clone_ingress_pkt_to_egress"         // session, field list id
	OpCloneEgress   Op = "clone_egress_pkt_to_egress"          // session, field list id
	OpResubmit      Op = "resubmit"                            // field list id
	OpRecirculate   Op = "recirculate"                         // field list id
	OpHash          Op = "modify_field_with_hash_based_offset" // destination, base, calculation, modulus
	OpNoOp          Op = "no_op"
	OpExecuteMeter  Op = "execute_meter"  // meter array, index, destination
	OpCount         Op = "count"          // counter array, index
	OpRegisterRead  Op = "register_read"  // destination, register array, index
	OpRegisterWrite Op = "register_write" // register array, index, value
	OpTruncate      Op = "truncate"       // bytes
	OpCallExtern    Op = "extern_method"  // extern, method as *String, arguments
)
