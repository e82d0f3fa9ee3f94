// Package p4rt speaks P4Runtime 1.5: it turns the entries of firmware/pipeline into P4Runtime's messages and
// back, maps errors both ways, and serves P4Runtime over anything that holds entries (a Target).
//
// Words: a Schema knows the numbers (ids) that a program's P4Info gives its tables, keys, actions and
// parameters. A Pipeline is a Schema with what GetForwardingPipelineConfig returns beside it. A Server answers
// the six calls for one device; it arbitrates between clients and lets only the primary write.
//
// The package is not a client: offload/hw is. It does not decide where an entry is placed: offload does.
//
//	schema, err := p4rt.NewSchema(program, p4info)
//	server, err := p4rt.NewServer(p4rt.Config{DeviceID: 1, Target: target})
//	server.SetPipeline(&p4rt.Pipeline{Schema: schema})
//	listener, err := p4rt.Listen("unix:/run/p4dev/agent/pci-0000:01:00.0.sock")
//	err = server.Serve(ctx, listener)
//
// Section titles in comments are those of the P4Runtime specification, version 1.5.0.
package p4rt
