// Package bpftest holds what tests of the eBPF engine need from the machine: guards that skip or fail, and the
// namespaces, ports, sockets and BPF file systems of package wires, which fail the test where they cannot be made
// and go when it ends.
//
//	bpftest.Require(t, "root", "bpf", "netns")
//	ns := bpftest.NewNetNS(t)
//	p1, p2 := ns.Veth(t, "p1"), ns.Tap(t, "p2")
//	ns.Do(t, func() { /* attach to p1.Name and p2.Name */ })
//	p1.Send(frame)
//	got, err := p2.Recv(time.Second)
package bpftest
