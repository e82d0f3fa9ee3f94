package p4rt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc"
)

// MaxMessage is the largest message in bytes that a Server receives: device configurations are large
// ("gRPC Server Maximum Receive Message Size").
const MaxMessage = 128 << 20

// Listen opens "unix:PATH" or "HOST:PORT", also written "tcp:HOST:PORT". The folder of a Unix socket is made,
// readable by its owner only, and so is the socket; one that nobody listens on any more is removed.
func Listen(address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, "unix:")
	if !unix {
		l, err := net.Listen("tcp", strings.TrimPrefix(address, "tcp:"))
		if err != nil {
			return nil, fmt.Errorf("p4rt: listen on %s: %w", address, err)
		}
		return l, nil
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, fmt.Errorf("p4rt: listen on %s: %w", address, err)
	}
	return l, nil
}

func listenUnix(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeStale removes a socket that refuses connections, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is not a socket: %w", path, fs.ErrExist)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("%s is in use: %w", path, fs.ErrExist), conn.Close())
	}
	return os.Remove(path)
}

// Serve answers calls on a listener until ctx ends, and closes it. Streams are cut then. Several listeners may
// be served at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	g := grpc.NewServer(grpc.MaxRecvMsgSize(MaxMessage))
	p4v1.RegisterP4RuntimeServer(g, s)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-ctx.Done():
			g.Stop()
		case <-done:
		}
	}()
	if err := g.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("p4rt: serve %s: %w", l.Addr(), err)
	}
	return nil
}
