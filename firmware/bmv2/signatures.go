package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// signature is what a primitive takes: the kinds of its arguments. The last optional of them may be absent.
type signature struct {
	args     []kind
	optional int
}

// Shorthands for the table below.
const (
	num    = kindNumber
	place  = kindPlace
	truth  = kindBool
	hdr    = kindHeader
	stacks = kindStack | kindUnionStack
)

// signatures are the primitives of BMv2's core and of simple_switch.
var signatures = map[pipeline.Op]signature{
	pipeline.OpAssign:           {args: []kind{place, num}},
	pipeline.OpAssignVar:        {args: []kind{kindVarbit, kindVarbit}},
	pipeline.OpAssignHeader:     {args: []kind{hdr, hdr}},
	pipeline.OpAssignUnion:      {args: []kind{kindUnion, kindUnion}},
	pipeline.OpAssignStack:      {args: []kind{kindStack, kindStack}},
	pipeline.OpAssignUnionStack: {args: []kind{kindUnionStack, kindUnionStack}},
	pipeline.OpPush:             {args: []kind{stacks, num}},
	pipeline.OpPop:              {args: []kind{stacks, num}},
	pipeline.OpJump:             {args: []kind{num}},
	pipeline.OpJumpIfZero:       {args: []kind{num | truth, num}},
	pipeline.OpExit:             {},
	pipeline.OpAssume:           {args: []kind{num | truth}},
	pipeline.OpAssert:           {args: []kind{num | truth}},
	pipeline.OpLogMsg:           {args: []kind{kindString, kindList}},

	pipeline.OpModifyField:   {args: []kind{place, num}},
	pipeline.OpRandom:        {args: []kind{place, num, num}},
	pipeline.OpAddToField:    {args: []kind{place, num}},
	pipeline.OpSubtractFrom:  {args: []kind{place, num}},
	pipeline.OpAddTo:         {args: []kind{place, num, num}},
	pipeline.OpSubtract:      {args: []kind{place, num, num}},
	pipeline.OpXor:           {args: []kind{place, num, num}},
	pipeline.OpOrTo:          {args: []kind{place, num, num}},
	pipeline.OpAndTo:         {args: []kind{place, num, num}},
	pipeline.OpShiftLeft:     {args: []kind{place, num, num}},
	pipeline.OpShiftRight:    {args: []kind{place, num, num}},
	pipeline.OpDrop:          {},
	pipeline.OpMarkToDrop:    {args: []kind{hdr}, optional: 1},
	pipeline.OpDigest:        {args: []kind{num, num}},
	pipeline.OpAddHeader:     {args: []kind{hdr}},
	pipeline.OpAddHeaderFast: {args: []kind{hdr}},
	pipeline.OpRemoveHeader:  {args: []kind{hdr}},
	pipeline.OpCopyHeader:    {args: []kind{hdr, hdr}},
	pipeline.OpCloneIngress:  {args: []kind{num, num}},
	pipeline.OpCloneEgress:   {args: []kind{num, num}},
	pipeline.OpResubmit:      {args: []kind{num}},
	pipeline.OpRecirculate:   {args: []kind{num}},
	pipeline.OpHash:          {args: []kind{place, num, kindCalculation, num}},
	pipeline.OpNoOp:          {},
	pipeline.OpExecuteMeter:  {args: []kind{kindMeter, num, place}},
	pipeline.OpCount:         {args: []kind{kindCounter, num}},
	pipeline.OpRegisterRead:  {args: []kind{place, kindRegister, num}},
	pipeline.OpRegisterWrite: {args: []kind{kindRegister, num, num}},
	pipeline.OpTruncate:      {args: []kind{num}},
}

// parserSignatures are the parser's own operations except the extracts, which name their target in a way of
// their own.
var parserSignatures = map[pipeline.Op]signature{
	pipeline.OpSet:     {args: []kind{place, num}},
	pipeline.OpVerify:  {args: []kind{truth, num}},
	pipeline.OpShift:   {args: []kind{num}},
	pipeline.OpAdvance: {args: []kind{num}},
}

// check reports a wrong number of arguments at n.
func (sig signature) check(n *node, op string, got int) bool {
	most := len(sig.args)
	least := most - sig.optional
	if got >= least && got <= most {
		return true
	}
	if least == most {
		n.fail(ErrArguments, "%s takes %d, got %d", op, most, got)
	} else {
		n.fail(ErrArguments, "%s takes %d to %d, got %d", op, least, most, got)
	}
	return false
}
