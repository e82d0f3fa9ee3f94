// Package sim is the kernel's side of devlink's generic netlink protocol: netlink datagrams in, netlink
// datagrams out, with devices whose drivers are Go values. It stands in for a kernel where none with devlink
// is at hand, and it fails on demand where no real kernel would.
//
// It is written from the kernel's uapi headers (linux/netlink.h, genetlink.h, devlink.h of Linux 6.1, and the
// attributes that later versions appended) and from the behaviour of net/devlink, and it shares neither
// structs nor constants with package devlink: the two only meet in bytes.
//
//   - A Kernel holds devices and faults. Register adds a Device, Inject a Fault.
//   - A Socket, from Dial, is one bound netlink socket. Like the kernel's, its Send returns only when the
//     request has been carried out, which for a flash is when the flash has ended; a dump goes on with each Recv.
//   - A Device names itself and implements whichever of the optional interfaces it supports (InfoGetter,
//     Flasher, Reloader, ...). What it lacks is answered as the kernel answers it, mostly with EOPNOTSUPP.
//   - Serve gives the same sockets to other processes over a Unix socket of type SOCK_SEQPACKET.
//
// Not modelled: network namespaces of the kernel itself, privileges, strict attribute validation, line cards,
// rates, shared buffers. Numbers are in host byte order, as netlink has them.
package sim
