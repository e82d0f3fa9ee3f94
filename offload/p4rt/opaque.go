package p4rt

import (
	"encoding/binary"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// opaque is what a client attached to an entry and gets back with it: controller_metadata and metadata.
type opaque struct {
	cookie uint64
	data   []byte
}

// opaqueStore keeps the opaque values of entries that have one, by table and entryKey.
type opaqueStore map[string]opaque

// set remembers the values of a message for an entry; a message without any removes them.
func (s opaqueStore) set(e *pipeline.Entry, te *p4v1.TableEntry) {
	//lint:ignore SA1019 clients of older versions still send it
	cookie := te.GetControllerMetadata()
	if cookie == 0 && len(te.GetMetadata()) == 0 {
		s.remove(e)
		return
	}
	s[entryKey(e)] = opaque{cookie, te.GetMetadata()}
}

// remove forgets the values of an entry.
func (s opaqueStore) remove(e *pipeline.Entry) { delete(s, entryKey(e)) }

// fill puts the values of an entry into a message.
func (s opaqueStore) fill(e *pipeline.Entry, te *p4v1.TableEntry) {
	if o, ok := s[entryKey(e)]; ok {
		//lint:ignore SA1019 clients of older versions still ask for it
		te.ControllerMetadata = o.cookie
		te.Metadata = o.data
	}
}

// entryKey returns what identifies an entry within a program, as a map key.
func entryKey(e *pipeline.Entry) string {
	return string(pipeline.AppendEntryKey(binary.BigEndian.AppendUint32(nil, uint32(e.Table.Index)), e))
}
