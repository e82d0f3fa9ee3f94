package devlink_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/devlink"
)

// Lists the devices of this machine, and says so where the kernel has no devlink.
func Example() {
	ctx := context.Background()
	client, err := devlink.Dial(ctx)
	if errors.Is(err, devlink.ErrNoDevlink) {
		fmt.Println("no devlink here")
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	devices, err := client.Devices(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range devices {
		fmt.Println(d.Handle)
	}
}

// Flashes a package into a simulated device and activates it.
func ExampleClient_Flash() {
	client := direct(newKernel(newNIC()))
	defer client.Close()
	ctx := context.Background()

	file := devlink.FlashRequest{File: "p4dev/l3.p4fw", Component: "fw.app"}
	err := client.Flash(ctx, handle, file, func(s devlink.FlashStatus) {
		if s.Done == s.Total || s.Timeout > 0 {
			fmt.Println(s.Message, s.Done, s.Total, s.Timeout)
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	performed, err := client.Reload(ctx, handle, devlink.ReloadRequest{Action: devlink.ReloadFirmwareActivate})
	fmt.Println(performed, err)
	info, err := client.Info(ctx, handle)
	fmt.Println(info.Versions.Running, err)
	// Output:
	// Preparing to flash 0 0 0s
	// Flashing 100 100 0s
	// Select 0 0 1m21s
	// [fw_activate] <nil>
	// map[fw.app:2.0] <nil>
}

// Prints the first entries of a hardware table with the names of their fields.
func ExampleClient_DpipeEntries() {
	client := direct(newKernel(newNIC()))
	defer client.Close()
	ctx := context.Background()

	headers, err := client.DpipeHeaders(ctx, handle)
	if err != nil {
		fmt.Println(err)
		return
	}
	for entry, err := range client.DpipeEntries(ctx, handle, "route") {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, v := range entry.Match {
			header, field := headers.Find(v.Field)
			fmt.Println(entry.Index, header.Name, field.Name, v.Value, v.Mask, entry.Counter)
		}
		if entry.Index == 2 {
			break
		}
	}
	// Output:
	// 0 ipv4 destination ip 0x0a000000 0xffffffff 0
	// 1 ipv4 destination ip 0x0a000001 0xffffffff 2
	// 2 ipv4 destination ip 0x0a000002 0xffffffff 4
}
