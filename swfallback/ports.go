package swfallback

import (
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// checkPorts checks that interfaces can have the given port numbers: the program has room for them, and does not
// mean the host or the drop port by them. The CPU port is a port like any other.
func checkPorts[V any](object *bpfgen.Object, ports map[uint32]V) error {
	width := portWidth(object.Program)
	var errs []error
	for _, port := range sortedPorts(ports) {
		switch {
		case uint64(port)>>width != 0:
			errs = append(errs, fmt.Errorf("port %d: the program's port numbers have %d bits: 0 to %d", port, width, 1<<width-1))
		case port == object.Options.HostPort:
			errs = append(errs, fmt.Errorf("port %d: it is the host's port, which no interface can be", port))
		case port == object.Options.DropPort:
			errs = append(errs, fmt.Errorf("port %d: it is the drop port, what goes there is dropped", port))
		}
	}
	return errors.Join(errs...)
}

// portWidth returns the width in bits of the program's type of ports: of the narrowest field of standard metadata that
// holds one, at most 32.
func portWidth(p *pipeline.Program) int {
	width := 32
	for _, name := range []string{"ingress_port", "egress_spec", "egress_port"} {
		if ref := p.FieldByName("standard_metadata." + name); ref != nil {
			width = min(width, ref.Field.Width)
		}
	}
	return width
}
