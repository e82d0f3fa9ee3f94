package bench

import (
	"errors"
	"fmt"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Commands and attributes of the netdev family, of linux/netdev.h (6.17).
const (
	netdevNAPIGet = 11
	netdevNAPISet = 14

	napiIfindex  = 1
	napiID       = 2
	napiPID      = 4
	napiThreaded = 8
)

// pollOn gives a device a thread that polls it, on one CPU, and returns the thread's id. Kernels before 6.17 cannot:
// errors.ErrUnsupported.
func pollOn(device, cpu int) (int, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	family, err := conn.GetFamily("netdev")
	if err != nil {
		return 0, fmt.Errorf("netdev family: %w: %w", err, errors.ErrUnsupported)
	}
	id, _, err := pollers(conn, family, device)
	if err != nil {
		return 0, err
	}
	request := netlink.NewAttributeEncoder()
	request.Uint32(napiID, id)
	request.Uint32(napiThreaded, 1)
	if _, err := execute(conn, family, netdevNAPISet, request, netlink.Request|netlink.Acknowledge); err != nil {
		return 0, fmt.Errorf("poll device %d by a thread: %w: %w", device, err, errors.ErrUnsupported)
	}
	_, pid, err := pollers(conn, family, device)
	if err != nil || pid == 0 {
		return 0, err
	}
	var one unix.CPUSet
	one.Set(cpu)
	return int(pid), unix.SchedSetaffinity(int(pid), &one)
}

// pollers returns the id of a device's only receive queue, and the thread that polls it or 0.
func pollers(conn *genetlink.Conn, family genetlink.Family, device int) (id, pid uint32, err error) {
	request := netlink.NewAttributeEncoder()
	request.Uint32(napiIfindex, uint32(device))
	replies, err := execute(conn, family, netdevNAPIGet, request, netlink.Request|netlink.Dump)
	if err != nil {
		return 0, 0, fmt.Errorf("queues of device %d: %w", device, err)
	}
	for _, m := range replies {
		d, err := netlink.NewAttributeDecoder(m.Data)
		if err != nil {
			return 0, 0, err
		}
		for d.Next() {
			switch d.Type() {
			case napiID:
				id = d.Uint32()
			case napiPID:
				pid = d.Uint32()
			}
		}
	}
	if id == 0 {
		return 0, 0, fmt.Errorf("device %d has no queue with an id: %w", device, errors.ErrUnsupported)
	}
	return id, pid, nil
}

func execute(conn *genetlink.Conn, family genetlink.Family, command uint8, request *netlink.AttributeEncoder, flags netlink.HeaderFlags) ([]genetlink.Message, error) {
	data, err := request.Encode()
	if err != nil {
		return nil, err
	}
	m := genetlink.Message{Header: genetlink.Header{Command: command, Version: family.Version}, Data: data}
	return conn.Execute(m, family.ID, flags)
}
