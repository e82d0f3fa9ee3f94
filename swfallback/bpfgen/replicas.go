package bpfgen

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A value of replicas is {count u32, truncate u32, multicast u32, zero u32}, then Max times {port u32, instance
// u32}. The multicast group of a clone session is for a reader: its replicas are written out.

const replicaHeader = 16

// AppendReplicas appends the map value of a multicast group or clone session to dst.
func (l *ReplicaLayout) AppendReplicas(dst []byte, s pipeline.CloneSession) ([]byte, error) {
	if len(s.Replicas) > l.Max {
		return nil, fmt.Errorf("bpfgen: encode replicas: %w",
			&LimitError{What: "replicas", Got: len(s.Replicas), Max: l.Max})
	}
	start := len(dst)
	dst = append(dst, make([]byte, l.ValueSize)...)
	out := dst[start:]
	le.PutUint32(out, uint32(len(s.Replicas)))
	le.PutUint32(out[4:], uint32(s.Truncate))
	le.PutUint32(out[8:], s.Multicast)
	for i, r := range s.Replicas {
		le.PutUint32(out[replicaHeader+8*i:], r.Port)
		le.PutUint32(out[replicaHeader+8*i+4:], r.Instance)
	}
	return dst, nil
}

// DecodeReplicas is the inverse of AppendReplicas; the ID stays 0, it is the map's key.
func (l *ReplicaLayout) DecodeReplicas(value []byte) (pipeline.CloneSession, error) {
	var s pipeline.CloneSession
	if len(value) < l.ValueSize || le.Uint32(value) > uint32(l.Max) {
		return s, fmt.Errorf("bpfgen: decode replicas: %d bytes, want %d", len(value), l.ValueSize)
	}
	s.Truncate = int(le.Uint32(value[4:]))
	s.Multicast = le.Uint32(value[8:])
	for i := range int(le.Uint32(value)) {
		s.Replicas = append(s.Replicas, pipeline.Replica{
			Port:     le.Uint32(value[replicaHeader+8*i:]),
			Instance: le.Uint32(value[replicaHeader+8*i+4:]),
		})
	}
	return s, nil
}

// A digest in the ring buffer is {index u32, zero u32}, then one u64 per 64 bits of every element, the least
// significant first.

// DecodeDigest decodes a record of the ring buffer named by Digests: which digest, and its elements,
// big-endian, as many bytes as each element's width takes.
func (o *Object) DecodeDigest(record []byte) (*pipeline.Digest, [][]byte, error) {
	if len(record) < 8 || int(le.Uint32(record)) >= len(o.Program.Digests) {
		return nil, nil, fmt.Errorf("bpfgen: decode digest: %d bytes", len(record))
	}
	d := o.Program.Digests[le.Uint32(record)]
	at := 8
	var elems [][]byte
	for _, x := range d.Elements {
		width := exprWidth(x)
		out := make([]byte, (width+7)/8)
		for lo := 0; lo < width; lo += 64 {
			if at+8 > len(record) {
				return nil, nil, fmt.Errorf("bpfgen: decode digest %s: %d bytes are too few", d.Name, len(record))
			}
			setBits(out, lo, le.Uint64(record[at:]))
			at += 8
		}
		elems = append(elems, out)
	}
	return d, elems, nil
}

// exprWidth returns the width of an operand whose width is its own; 0 for others.
func exprWidth(x pipeline.Expr) int {
	switch x := x.(type) {
	case *pipeline.FieldRef:
		return x.Field.Width
	case *pipeline.ValidRef:
		return 1
	case *pipeline.Const:
		return x.Width
	}
	return 0
}
