// Package wires makes network ports for packet tests: private network namespaces with ports made of veth pairs or taps,
// packet sockets whose reads are bounded in time, and a private BPF file system. Linux only.
//
// Nothing of it outlives the process, even when that is killed: namespaces and the BPF file system have no name in
// any file system, they live as long as a descriptor of the process does.
//
// A port has two ends. The inner one is the network device that a program is attached to; the outer one is where
// the caller sends and receives frames. With a veth pair the outer end is the peer, which accepts redirected frames
// only while it has NAPI; Veth turns it on by switching on GRO. The peer's network stack drops frames that end within
// a VLAN tag. With a tap the outer end is the tap's descriptor, and what is read there is exactly what was sent; a
// frame that is written has been through the XDP program when the write returns.
//
//	ns, err := wires.NewNetNS()
//	p1, err := ns.Veth("p1")
//	err = ns.Do(func() error { /* attach to p1.Name */ })
//	p1.Send(frame)
//	got, err := p1.Recv(time.Second)
//
// Package bpftest wraps it for tests.
package wires
