package demo

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// wire is a packet socket on the far end of a port: what a neighbour sends and sees.
type wire struct{ file *os.File }

// openWire opens a packet socket on the interface with the given index in the calling thread's network
// namespace. Frames that the interface itself sends are not seen.
func openWire(ifindex int) (*wire, error) {
	proto := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff})
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(proto))
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	addr := &unix.SockaddrLinklayer{Protocol: proto, Ifindex: ifindex}
	if err := unix.Bind(fd, addr); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind packet socket to interface %d: %w", ifindex, err)
	}
	unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	return &wire{file: os.NewFile(uintptr(fd), "packet socket")}, nil
}

// send transmits one frame.
func (w *wire) send(frame []byte) error {
	_, err := w.file.Write(frame)
	return err
}

// receive returns the next frame, or os.ErrDeadlineExceeded after the given time.
func (w *wire) receive(wait time.Duration) ([]byte, error) {
	if err := w.file.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	b := make([]byte, 2048)
	n, err := w.file.Read(b)
	if err != nil {
		return nil, err
	}
	return b[:n], nil
}

func (w *wire) close() error { return w.file.Close() }
