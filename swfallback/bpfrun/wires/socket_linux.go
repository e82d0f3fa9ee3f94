package wires

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxFrame is the longest frame that is received, in bytes.
const maxFrame = 1 << 16

// Socket is a packet socket on one network device: it sends frames through the device and receives those that
// come in on it. What the device sends is not received. A VLAN tag that the kernel has taken out of a frame is
// put back.
type Socket struct{ fd int }

// OpenSocket binds a packet socket to a device of the calling thread's namespace.
func OpenSocket(device string) (*Socket, error) {
	index, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: hostToNet(unix.ETH_P_ALL), Ifindex: index.Index}),
	)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &Socket{fd: fd}, nil
}

// Close closes the socket.
func (s *Socket) Close() error { return unix.Close(s.fd) }

// Send puts one frame, from its Ethernet header on, out of the device.
func (s *Socket) Send(frame []byte) error {
	for {
		_, err := unix.Write(s.fd, frame)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
	}
}

// Recv returns the next frame, os.ErrDeadlineExceeded when none comes in time.
func (s *Socket) Recv(timeout time.Duration) ([]byte, error) {
	return receive(s.fd, timeout, s.read)
}

// receive waits until the descriptor can be read and reads a frame; with a timeout of 0 it only looks.
func receive(fd int, timeout time.Duration, read func() ([]byte, error)) ([]byte, error) {
	deadline := time.Now().Add(timeout)
	for {
		wait := max(time.Until(deadline), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(wait.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return nil, os.ErrDeadlineExceeded
		}
		frame, err := read()
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return frame, err
		}
	}
}

func (s *Socket) read() ([]byte, error) {
	frame, control := make([]byte, maxFrame), make([]byte, 256)
	n, controlLen, _, _, err := unix.Recvmsg(s.fd, frame, control, unix.MSG_DONTWAIT)
	if err != nil {
		return nil, err
	}
	return putTag(frame[:n], control[:controlLen])
}

// putTag puts a VLAN tag back that the kernel reports beside the frame (tpacket_auxdata of linux/if_packet.h).
func putTag(frame, control []byte) ([]byte, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA ||
			len(m.Data) < int(unsafe.Sizeof(unix.TpacketAuxdata{})) || len(frame) < 12 {
			continue
		}
		aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
			continue
		}
		tag := binary.BigEndian.AppendUint16(nil, aux.Vlan_tpid)
		tag = binary.BigEndian.AppendUint16(tag, aux.Vlan_tci)
		frame = slices.Insert(frame, 12, tag...)
	}
	return frame, nil
}

// hostToNet puts a 16-bit number into network byte order.
func hostToNet(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
