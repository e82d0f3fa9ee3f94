package bpfrun

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// AwaitPrograms returns when every program that was running when it was called has ended: none of them holds any
// more what it has read of maps before. It takes some milliseconds. Exchanging the map in a map of maps is what
// makes the kernel wait for that (linux/kernel/bpf/syscall.c, maybe_wait_bpf_programs, since 4.20).
func AwaitPrograms() error {
	inner := &ebpf.MapSpec{Name: "p4dev_await", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	outer, err := ebpf.NewMap(&ebpf.MapSpec{Name: "p4dev_await", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4,
		MaxEntries: 1, InnerMap: inner})
	if err != nil {
		return fmt.Errorf("bpfrun: await programs: %w", err)
	}
	defer outer.Close()
	m, err := ebpf.NewMap(inner)
	if err != nil {
		return fmt.Errorf("bpfrun: await programs: %w", err)
	}
	defer m.Close()
	if err := outer.Put(uint32(0), m); err != nil {
		return fmt.Errorf("bpfrun: await programs: %w", err)
	}
	return nil
}
