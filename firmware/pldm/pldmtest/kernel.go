// Package pldmtest is a second reader of PLDM firmware update packages for tests. It is written from the rules of
// the kernel's reader (lib/pldmfw/pldmfw.c, Linux 6.18) and not from package pldm: what the codec writes must
// pass every one of them.
package pldmtest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// image walks through the bytes as the kernel does.
type image struct {
	data       []byte
	at         int // the kernel's data->offset
	header     int // total_header_size
	bitmap     int // bytes
	records    int
	recordAt   []int
	components int
	crcAt      int
}

func (m *image) u16(at int) int { return int(binary.LittleEndian.Uint16(m.data[at:])) }
func (m *image) u32(at int) int { return int(binary.LittleEndian.Uint32(m.data[at:])) }

// move is pldm_move_fw_offset: -EFAULT where the file is too small.
func (m *image) move(n int) error {
	if m.at+n > len(m.data) {
		return fmt.Errorf("-EFAULT: byte %d needed, the file has %d", m.at+n, len(m.data))
	}
	m.at += n
	return nil
}

// kernelRules are the checks of the kernel's reader, in its order.
var kernelRules = []struct {
	name  string
	check func(*image) error
}{
	{"the file holds struct __pldm_header", func(m *image) error { return m.move(16 + 1 + 2 + 13 + 2 + 1 + 1) }},
	{"identifier is the UUID f018878c-cb7d-4943-9800-a02f059aca02", func(m *image) error {
		d := m.data
		uuid := fmt.Sprintf("%x-%x-%x-%x-%x", d[0:4], d[4:6], d[6:8], d[8:10], d[10:16])
		return differ("UUID", uuid, "f018878c-cb7d-4943-9800-a02f059aca02")
	}},
	{"revision is 1", func(m *image) error { return differ("revision", m.data[16], 1) }},
	{"the file holds header size bytes", func(m *image) error {
		m.header = m.u16(17)
		if m.header < m.at || m.header > len(m.data) {
			return fmt.Errorf("header of %d bytes in a file of %d", m.header, len(m.data))
		}
		return nil
	}},
	{"component bitmap length is a multiple of 8", func(m *image) error {
		m.bitmap = m.u16(32) / 8
		return differ("rest", m.u16(32)%8, 0)
	}},
	{"package version string", func(m *image) error { return m.move(int(m.data[35])) }},
	{"record count", func(m *image) error {
		err := m.move(1)
		if err == nil {
			m.records = int(m.data[m.at-1])
		}
		return err
	}},
	{"records", (*image).walkRecords},
	{"component count", func(m *image) error {
		err := m.move(2)
		if err == nil {
			m.components = m.u16(m.at - 2)
		}
		return err
	}},
	{"component count fits the kernel's counter of 8 bits", func(m *image) error {
		return differ("upper byte", m.components>>8, 0)
	}},
	{"bitmaps have a bit for every component", func(m *image) error {
		if m.records > 0 && m.bitmap*8 < m.components {
			return fmt.Errorf("%d bits for %d components", m.bitmap*8, m.components)
		}
		return nil
	}},
	{"components", (*image).walkComponents},
	{"checksum ends the header", func(m *image) error {
		m.crcAt = m.at
		if err := m.move(4); err != nil {
			return err
		}
		return differ("header size", m.header, m.at)
	}},
	{"checksum is the CRC-32 of IEEE 802.3 over all before it", func(m *image) error {
		return differ("CRC-32", m.u32(m.crcAt), int(crc32.Checksum(m.data[:m.crcAt], crc32.MakeTable(crc32.IEEE))))
	}},
}

func differ[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

// descriptorSizes are the lengths that pldm_check_desc_tlv_len asks for.
var descriptorSizes = map[int]int{
	0x0000: 2, 0x0100: 2, 0x0101: 2, 0x0102: 2, 0x0103: 1, 0x0003: 3, 0x0001: 4, 0x0004: 4, 0x0104: 4, 0x0105: 4, 0x0002: 16,
}

func (m *image) walkRecords() error {
	for i := range m.records {
		start := m.at
		m.recordAt = append(m.recordAt, start)
		if err := m.move(2 + 1 + 4 + 1 + 1 + 2); err != nil {
			return err
		}
		length, descriptors, version, data := m.u16(start), int(m.data[start+2]), int(m.data[start+8]), m.u16(start+9)
		if err := m.move(m.bitmap + version); err != nil {
			return err
		}
		for range descriptors {
			if err := m.walkDescriptor(); err != nil {
				return fmt.Errorf("record %d: %w", i, err)
			}
		}
		if err := m.move(data); err != nil {
			return err
		}
		if err := differ(fmt.Sprintf("length of record %d", i), length, m.at-start); err != nil {
			return err
		}
	}
	return nil
}

func (m *image) walkDescriptor() error {
	if m.at+4 > len(m.data) {
		return m.move(4)
	}
	kind, size := m.u16(m.at), m.u16(m.at+2)
	if want, ok := descriptorSizes[kind]; ok && want != size {
		return fmt.Errorf("-EINVAL: descriptor 0x%04x of %d bytes", kind, size)
	}
	return m.move(4 + size)
}

func (m *image) walkComponents() error {
	for i := range m.components {
		start := m.at
		if err := m.move(2 + 2 + 4 + 2 + 2 + 4 + 4 + 1 + 1); err != nil {
			return err
		}
		if err := m.move(int(m.data[start+21])); err != nil {
			return err
		}
		if location, size := m.u32(start+12), m.u32(start+16); location+size > len(m.data) {
			return fmt.Errorf("-EFAULT: component %d at %d of %d bytes, the file has %d", i, location, size, len(m.data))
		}
	}
	return nil
}

// KernelAccepts returns an error that names the first rule that the file breaks.
func KernelAccepts(data []byte) error {
	_, err := walk(data)
	return err
}

func walk(data []byte) (*image, error) {
	m := &image{data: data}
	for _, rule := range kernelRules {
		if err := rule.check(m); err != nil {
			return nil, fmt.Errorf("pldmtest: %s: %w", rule.name, err)
		}
	}
	return m, nil
}

// KernelMatch does what pldmfw_op_pci_match_record does, with each record in turn: it returns the index of the first
// that fits a device with the PCI identifiers vendor, device, subsystem vendor, subsystem; -1 where none does. An
// identifier that a record lacks, or that is 0 there, fits every device.
func KernelMatch(data []byte, pci [4]uint16) int {
	m, err := walk(data)
	if err != nil {
		return -1
	}
	for i, at := range m.recordAt {
		id := m.recordID(at)
		fits := true
		for n := range id {
			fits = fits && (id[n] == 0 || id[n] == int(pci[n]))
		}
		if fits {
			return i
		}
	}
	return -1
}

// recordID returns the PCI identifiers of the record at a byte offset.
func (m *image) recordID(at int) (id [4]int) {
	d := at + 11 + m.bitmap + int(m.data[at+8])
	for range m.data[at+2] {
		switch m.u16(d) {
		case 0:
			id[0] = m.u16(d + 4)
		case 0x100:
			id[1] = m.u16(d + 4)
		case 0x101:
			id[2] = m.u16(d + 4)
		case 0x102:
			id[3] = m.u16(d + 4)
		}
		d += 4 + m.u16(d+2)
	}
	return id
}
