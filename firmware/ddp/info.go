package ddp

import (
	"encoding/binary"
	"fmt"
)

// Info is what a configuration says of itself. The driver reports it in "devlink dev info" as fw.app.name, fw.app and
// fw.app.bundle_id while it runs.
type Info struct {
	Name    string  // "ICE OS Default Package"
	Version Version // of this configuration
	Track   uint32  // number that tells the packages of a version apart
}

const infoName = 28

// Info reads the configuration's name, version and track. Without that section it is zero.
func (s *Segment) Info() (Info, error) {
	sec := s.section(SectionMetadata)
	if sec == nil {
		return Info{}, nil
	}
	if len(sec.Data) < 4+infoName+4 {
		return Info{}, fmt.Errorf("ddp: read configuration: %w", sec.short("name and version"))
	}
	return Info{Name: zeroEnded(sec.Data[4:][:infoName]), Version: Version(sec.Data[:4]),
		Track: binary.LittleEndian.Uint32(sec.Data[4+infoName:])}, nil
}
