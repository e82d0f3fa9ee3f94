package offload

// Step is a part of a load.
type Step string

// The steps of a load, in order.
const (
	StepFind      Step = "find"
	StepCheck     Step = "check"
	StepHandOver  Step = "hand over"
	StepCopy      Step = "copy"
	StepFlash     Step = "flash"
	StepActivate  Step = "activate"
	StepVerify    Step = "verify"
	StepReconcile Step = "reconcile"
	StepRecord    Step = "record"
)
