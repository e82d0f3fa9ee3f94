package swfallback

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/klauspost/compress/zstd"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// Source is a program as it is kept beside its maps: what makes it a pipeline again in another process.
type Source struct {
	JSON   []byte // BMv2 JSON
	P4Info []byte // P4Info, as bmv2.Open takes it; may be empty
	Tag    string // source tag, "sha256:..."; "" when not known
}

// Program reads the pipeline that the source holds.
func (s Source) Program() (*pipeline.Program, error) { return bmv2.Open(s.JSON, s.P4Info) }

// portRecord is one port in a record.
type portRecord struct {
	Port      uint32
	Interface string
	Mode      string // bpfrun.Mode as it came to be
	NotNative string `json:",omitempty"` // why not in the driver
}

// record is what a process needs to know that opens a target. It is pinned as the map p4dev_source.
type record struct {
	Device   string
	Tag      string
	Since    time.Time // when the pipeline was attached or last replaced
	Ports    []portRecord
	Options  optionsRecord
	Layout   string // fingerprint of the maps' layout
	sections [2][]byte
}

// optionsRecord are the fields of bpfgen.Options that shape the maps, or what a packet is.
type optionsRecord struct {
	HostPort, CPUPort, DropPort uint32
	MaxPorts, MaxIfindex        int
	MaxReplicas                 int
	MaxVariants                 int
	CacheAbove                  int
	Prefix                      int
	Form                        bpfgen.Form
	Stats, Verdict, Arena       bool
	CPUs                        int
}

func recordOptions(o bpfgen.Options) optionsRecord {
	return optionsRecord{
		HostPort: o.HostPort, CPUPort: o.CPUPort, DropPort: o.DropPort,
		MaxPorts: o.MaxPorts, MaxIfindex: o.MaxIfindex, MaxReplicas: o.MaxReplicas, MaxVariants: o.MaxVariants, CacheAbove: o.CacheAbove,
		Prefix: o.Prefix, Form: o.Form, Stats: o.Stats, Verdict: o.Verdict, Arena: o.Arena, CPUs: o.CPUs,
	}
}

func (o optionsRecord) options() bpfgen.Options {
	return bpfgen.Options{
		HostPort: o.HostPort, CPUPort: o.CPUPort, DropPort: o.DropPort,
		MaxPorts: o.MaxPorts, MaxIfindex: o.MaxIfindex, MaxReplicas: o.MaxReplicas, MaxVariants: o.MaxVariants, CacheAbove: o.CacheAbove,
		Prefix: o.Prefix, Form: o.Form, Stats: o.Stats, Verdict: o.Verdict, Arena: o.Arena, CPUs: o.CPUs,
	}
}

func (r *record) source() Source {
	return Source{JSON: r.sections[0], P4Info: r.sections[1], Tag: r.Tag}
}

func (r *record) setSource(s Source) {
	r.Tag, r.sections = s.Tag, [2][]byte{s.JSON, s.P4Info}
}

// recordChunk is the size of a value of p4dev_source, in bytes; the first value starts with the number of bytes
// that follow, 4 bytes little-endian.
const recordChunk = 4096

// recordWindow is how far back the compression looks, in bytes.
const recordWindow = 512 << 10

// maxRecord bounds what is read back, in bytes.
const maxRecord = 64 << 20

// encode writes the record as three sections, each behind its length, and compresses them.
func (r *record) encode() ([]byte, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	var plain []byte
	for _, section := range [][]byte{head, r.sections[0], r.sections[1]} {
		plain = binary.LittleEndian.AppendUint32(plain, uint32(len(section)))
		plain = append(plain, section...)
	}
	// The tables of the next level take 1.6 MB and more, and ten times as long; it saves a fourteenth.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(recordWindow))
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	defer encoder.Close()
	return encoder.EncodeAll(plain, nil), nil
}

// decodeRecord is the inverse of encode.
func decodeRecord(data []byte) (*record, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRecord))
	if err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	var sections [3][]byte
	for i := range sections {
		if len(plain) < 4 || len(plain)-4 < int(binary.LittleEndian.Uint32(plain)) {
			return nil, errors.New("decode record: section is cut off")
		}
		n := int(binary.LittleEndian.Uint32(plain))
		sections[i], plain = plain[4:4+n], plain[4+n:]
	}
	r := &record{sections: [2][]byte{sections[1], sections[2]}}
	if err := json.Unmarshal(sections[0], r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return r, nil
}

// newRecordMap puts a record into a map of its own.
func newRecordMap(r *record) (*ebpf.Map, error) {
	data, err := r.encode()
	if err != nil {
		return nil, err
	}
	data = append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data...)
	chunks := (len(data) + recordChunk - 1) / recordChunk
	data = append(data, make([]byte, chunks*recordChunk-len(data))...)
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: mapSource, Type: ebpf.Array, KeySize: 4, ValueSize: recordChunk, MaxEntries: uint32(chunks),
	})
	if err != nil {
		return nil, fmt.Errorf("make record: %w", err)
	}
	for i := range chunks {
		if err := m.Update(uint32(i), data[i*recordChunk:][:recordChunk], ebpf.UpdateAny); err != nil {
			return nil, errors.Join(fmt.Errorf("write record: %w", err), m.Close())
		}
	}
	return m, nil
}

// readRecordMap reads what newRecordMap wrote.
func readRecordMap(m *ebpf.Map) (*record, error) {
	if m.ValueSize() != recordChunk {
		return nil, fmt.Errorf("read record: values of %d bytes", m.ValueSize())
	}
	var data []byte
	for i := range m.MaxEntries() {
		chunk, err := m.LookupBytes(i)
		if err != nil {
			return nil, fmt.Errorf("read record: %w", err)
		}
		data = append(data, chunk...)
	}
	if len(data) < 4 || int(binary.LittleEndian.Uint32(data)) > len(data)-4 {
		return nil, errors.New("read record: cut off")
	}
	return decodeRecord(data[4:][:binary.LittleEndian.Uint32(data)])
}
