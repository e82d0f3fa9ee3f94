// Package simnic is a P4-programmable NIC that exists in software: a devlink device on a simulated kernel
// (devlink/sim), a pipeline that the reference interpreter runs, ports that are real network devices, and a
// P4Runtime agent. It is what p4dev is developed and shown on where there is no such hardware, and it has the
// limits and the faults that hardware has (Limits).
//
// Flashing it with a p4dev package makes it run the package's program. It then advertises itself as
// docs/architecture.md and the driver guide ask of a driver: versions, dpipe headers and tables, resources, the
// region p4-pipeline, entries, a health reporter with counts.
//
// A port has two ends. The host's netdev is where the operating system, XDP and packet captures see what the
// device hands to the host; the wire's netdev stands for the neighbour at the other end of the cable. A packet
// from the wire that the pipeline can finish leaves by a wire and the host never sees it. All others reach the
// host's netdev as they came (Reason says why), and what the host transmits goes out on the wire.
//
//	nic, err := simnic.New(kernel, simnic.Config{Bus: "pci", Dev: "0000:01:00.0", Ports: ports})
//	defer nic.Close()
//	go nic.ServeAgent(ctx, "unix:/run/p4dev/agent/pci-0000:01:00.0.sock")
//
// State that the device cannot share with the host's copy of the program stays with the host: packets whose
// actions use registers, meters, clones, multicast groups or digests are handed over.
package simnic
