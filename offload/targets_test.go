package offload_test

import (
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/p4rt"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// Both software engines fit below the manager, and the manager fits below a P4Runtime server.
var (
	_ offload.SoftwareTarget = (*swfallback.Fallback)(nil)
	_ offload.SoftwareTarget = (*interp.Switch)(nil)
	_ p4rt.Target            = (*offload.Manager)(nil)
)
