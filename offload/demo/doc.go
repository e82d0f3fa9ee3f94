// Package demo shows p4dev's main job on the simulated NIC: a package goes into the device through devlink,
// the device says what it has, and packets that it misses are forwarded by eBPF made from the same package.
// Everything but the NIC is real: network namespaces, interfaces, generic netlink bytes, kernel eBPF.
package demo
