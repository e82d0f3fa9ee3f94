// Package bpftest holds what tests of the eBPF engine need from the machine: guards that skip or fail, private
// network namespaces with ports made of veth pairs or taps, a private BPF file system, and packet sockets whose
// reads are bounded in time.
//
// Nothing of it outlives the test process, even when that is killed: namespaces and the BPF file system have no
// name in any file system, they live as long as a descriptor of the test does.
//
// A port has two ends. The inner one is the network device that the program under test is attached to; the
// outer one is where the test sends and receives frames. With a veth pair the outer end is the peer, which
// accepts redirected frames only while it has NAPI; Veth turns it on by switching on GRO. The peer's network stack
// drops frames that end within a VLAN tag. With a tap the outer end is the tap's descriptor, and what is read there
// is exactly what was sent; a frame that is written has been through the XDP program when the write returns.
//
//	bpftest.Require(t, "root", "bpf", "netns")
//	ns := bpftest.NewNetNS(t)
//	p1, p2 := ns.Veth(t, "p1"), ns.Tap(t, "p2")
//	ns.Do(t, func() { /* attach to p1.Name and p2.Name */ })
//	p1.Send(frame)
//	got, err := p2.Recv(time.Second)
package bpftest
