package offload_test

import (
	"fmt"
	"strings"

	"github.com/p4dev/p4dev/offload"
)

func ExampleCheckGate() {
	tag := "sha256:" + strings.Repeat("5c", 32)
	info := offload.DeviceInfo{Device: "pci/0000:01:00.0", Running: map[string]string{
		offload.InfoName: "l3router", offload.InfoVersion: "1.0", offload.InfoSource: strings.ToUpper(tag)}}
	gate := offload.CheckGate(info, tag, nil)
	fmt.Println(gate.State, "-", gate.Reason)
	gate = offload.CheckGate(info, tag, []string{"table nowhere: in dpipe, but not in the program"})
	fmt.Println(gate.State, "-", gate.Reason)
	// Output:
	// verified - device and software run the same source
	// mismatch - the device's dpipe tables and its pipeline region differ (1 differences)
}

func ExampleManager() {
	p := newTestProgram()
	sw, hw := &software{side: newSide()}, newHardware(1)
	hw.limit, hw.advertise = 2, true // a small device
	m, err := offload.NewManager(offload.Config{Program: p.Program, Software: sw, Hardware: hw, Gate: verified})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, prefix := range []int{1, 2, 3} { // each inside the one before
		if err := m.Insert(route(p, 0, prefix)); err != nil {
			fmt.Println(err)
			return
		}
	}
	placed, err := m.Placement(p.lpm)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range placed {
		fmt.Printf("/%d hardware %v, %q\n", e.Entry.Match[1].Prefix, e.Hardware, e.Why)
	}
	// Output:
	// /1 hardware false, "hardware table is full (room for 2 of 3 entries)"
	// /2 hardware true, ""
	// /3 hardware true, ""
}
