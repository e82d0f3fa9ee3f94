// Package hw is the hardware target: what a device says about itself through devlink, and its entries through the
// P4Runtime agent that runs beside it.
//
// Words: the advertisement is all that a device says of its program: dpipe headers and tables, resources, and
// the region p4-pipeline, which holds the pipeline component of the package as it is (zstd-compressed BMv2
// JSON). A Model is the advertisement made comparable: tables by name with their keys, sizes and the reason why
// one cannot be used. The agent is the P4Runtime server of the device; a Target is a client of it.
//
//	model, err := hw.ReadModel(ctx, client, handle)
//	gate := offload.CheckGate(hw.Info(info), tag, model.Compare(program))
//	target, err := hw.Dial(ctx, hw.Config{Address: hw.AgentAddress("/run/p4dev", handle), Program: program, Model: model})
//	defer target.Close()
//
// A device with dpipe tables but without the region has a Model too: its keys are shown as exact, which is all
// that dpipe can say.
package hw
