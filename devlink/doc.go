// Package devlink talks to Linux's devlink interface: it lists devices and ports, loads and activates firmware, reads
// the packet pipeline that a device advertises (dpipe), its resources, regions, parameters, health reporters and traps,
// and follows the notifications of all of it.
//
// A [Client] sends generic netlink datagrams through an [Endpoint]. [Dial] uses the kernel; [DialUnix] and [New] accept
// anything that answers devlink datagrams in the kernel's place, so that error replies, multipart replies, extended
// acknowledgements and multicast always pass through the same decoder. Absence of devlink in the kernel is
// [ErrNoDevlink], an error that is also [errors.ErrUnsupported].
//
// Vocabulary: a [Handle] names a device as bus and device name, "pci/0000:01:00.0". Words are those of
// linux/devlink.h; JSON keys are those of "devlink -j" wherever the meaning is the same. Byte order of everything that
// the kernel reports as a number is the host's and already decoded; bytes that belong to the device (dpipe values,
// region contents) are given as the driver wrote them.
//
// All methods of Client are safe for concurrent use. They block until the kernel has answered; the kernel holds a
// device's lock for the whole of a flash update, so a query to a device that is being flashed waits for its end.
//
//	client, err := devlink.Dial(ctx)
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	devices, err := client.Devices(ctx)
//
// The package is not a driver's side of devlink: package devlink/sim is.
package devlink
