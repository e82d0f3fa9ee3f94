package sim

import (
	"fmt"
	"io"
	"os"
)

// maxFirmware is the largest file that FirmwareDirs reads, in bytes.
const maxFirmware = 1 << 30

// FirmwareDirs returns a loader for Options.Firmware that looks for a file in directories, in order, as
// request_firmware does in the kernel's search path. Names cannot lead out of a directory. Compressed files
// are not looked for.
func FirmwareDirs(dirs ...string) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		for _, dir := range dirs {
			f, err := os.OpenInRoot(dir, name)
			if err != nil {
				continue
			}
			data, err := io.ReadAll(io.LimitReader(f, maxFirmware+1))
			f.Close()
			if err == nil && len(data) > maxFirmware {
				err = fmt.Errorf("larger than %d bytes", maxFirmware)
			}
			if err != nil {
				return nil, fmt.Errorf("sim: load firmware %s: %w", name, err)
			}
			return data, nil
		}
		return nil, fmt.Errorf("sim: load firmware %s: %w", name, os.ErrNotExist)
	}
}
