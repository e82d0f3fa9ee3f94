//go:build !linux

package simnic

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

type port struct {
	number     uint32
	host, wire *tap
}

type tap struct {
	*os.File
	name  string
	index int
}

func openPort(uint32, PortConfig) (*port, error) {
	return nil, fmt.Errorf("make network devices on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func (p *port) close() error { return errors.Join(p.host.Close(), p.wire.Close()) }
