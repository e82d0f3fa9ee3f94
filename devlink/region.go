package devlink

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"

	"github.com/mdlayher/netlink"
)

// A Region is a piece of the device's memory that can be read, at once or as snapshots.
type Region struct {
	Handle Handle `json:"-"`
	// Port is the port that the region belongs to; nil: the device itself.
	Port *uint32 `json:"port,omitempty"`
	Name string  `json:"name"`
	// Size is in bytes.
	Size uint64 `json:"size"`
	// MaxSnapshots is how many snapshots can exist; 0 where the kernel is too old to say (before 5.13).
	MaxSnapshots uint32 `json:"max,omitempty"`
	// Snapshots are the numbers of those that exist. In a notification it is the one that came or went, if any.
	Snapshots []uint32 `json:"snapshot"`
}

// Regions lists the regions of a device, or of all devices where h is zero.
func (c *Client) Regions(ctx context.Context, h Handle) ([]Region, error) {
	return collect(ctx, c, &request{op: "list regions", device: h, cmd: CmdRegionGet, mode: replyDump, filter: true},
		decodeRegion)
}

// Region returns one region of the device itself.
func (c *Client) Region(ctx context.Context, h Handle, name string) (Region, error) {
	return single(ctx, c, &request{
		op: "get region " + name, device: h, cmd: CmdRegionGet,
		attrs: func(ae *netlink.AttributeEncoder) { ae.String(attrRegionName, name) },
	}, decodeRegion)
}

// NewSnapshot takes a snapshot of a region and returns its number: id where it is not nil, else one that the kernel
// chooses (from Linux 5.8 on).
func (c *Client) NewSnapshot(ctx context.Context, h Handle, region string, id *uint32) (uint32, error) {
	req := &request{
		op: "take snapshot of region " + region, device: h, cmd: CmdRegionNew,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.String(attrRegionName, region)
			if id != nil {
				ae.Uint32(attrRegionSnapshotId, *id)
			}
		},
	}
	if id != nil {
		return *id, c.command(ctx, req)
	}
	r, err := single(ctx, c, req, decodeRegion)
	if err != nil {
		return 0, err
	}
	if len(r.Snapshots) != 1 {
		return 0, wrap(req, fmt.Errorf("%w: no snapshot number in the reply", ErrMalformed))
	}
	return r.Snapshots[0], nil
}

// DelSnapshot deletes a snapshot.
func (c *Client) DelSnapshot(ctx context.Context, h Handle, region string, id uint32) error {
	return c.command(ctx, &request{
		op: fmt.Sprintf("delete snapshot %d of region %s", id, region), device: h, cmd: CmdRegionDel,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.String(attrRegionName, region)
			ae.Uint32(attrRegionSnapshotId, id)
		},
	})
}

// A RegionRead says what to read of a region.
type RegionRead struct {
	Region string
	// Snapshot is the snapshot's number; nil: read the device directly (from Linux 6.4 on, and not with all drivers).
	Snapshot *uint32
	// Offset is where to start and Length how much to read, in bytes; Length 0: to the end.
	Offset, Length uint64
}

// ReadRegion reads a region, or a part of it, into memory. Where the region ends before Length bytes it returns what
// there is and an error matching io.ErrUnexpectedEOF.
func (c *Client) ReadRegion(ctx context.Context, h Handle, r RegionRead) ([]byte, error) {
	var buf bytes.Buffer
	req := r.request(h)
	next := r.Offset
	err := c.retry(ctx, req, func() { buf.Reset(); next = r.Offset }, r.copier(&buf, &next))
	if err == nil {
		err = r.complete(req, next)
	}
	return buf.Bytes(), err
}

// CopyRegion writes a region, or a part of it, to w as it arrives, and returns how many bytes were written. Errors are
// those of ReadRegion and of w. Unlike ReadRegion it does not start over when the dump is interrupted.
func (c *Client) CopyRegion(ctx context.Context, w io.Writer, h Handle, r RegionRead) (int64, error) {
	req := r.request(h)
	next := r.Offset
	err := c.exec(ctx, req, r.copier(w, &next))
	if err == nil {
		err = r.complete(req, next)
	}
	return int64(next - r.Offset), err
}

// complete checks that everything has arrived that was asked for.
func (r *RegionRead) complete(req *request, end uint64) error {
	if r.Length != 0 && end-r.Offset < r.Length {
		return wrap(req, fmt.Errorf("%d of %d bytes: %w", end-r.Offset, r.Length, io.ErrUnexpectedEOF))
	}
	return nil
}

// request returns the dump that reads it.
func (r *RegionRead) request(h Handle) *request {
	return &request{op: "read region " + r.Region, device: h, cmd: CmdRegionRead, mode: replyDump,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.String(attrRegionName, r.Region)
			if r.Snapshot != nil {
				ae.Uint32(attrRegionSnapshotId, *r.Snapshot)
			} else {
				ae.Flag(attrRegionDirect, true)
			}
			length := r.Length
			if length == 0 {
				length = math.MaxUint64 - r.Offset // the kernel stops at the end, and minds neither attribute alone
			}
			if r.Offset != 0 || r.Length != 0 {
				ae.Uint64(attrRegionChunkAddr, r.Offset)
				ae.Uint64(attrRegionChunkLen, length)
			}
		}}
}

// copier returns the reader of the reply's messages: it checks that the chunks follow one another from *next on, which
// it moves along, and writes them to w.
func (r *RegionRead) copier(w io.Writer, next *uint64) func(Command, []byte) error {
	return func(_ Command, attrs []byte) error {
		return eachChunk(attrs, func(addr uint64, data []byte) error {
			if addr != *next {
				return fmt.Errorf("%w: chunk at %#x where %#x is next", ErrMalformed, addr, *next)
			}
			if r.Length != 0 && uint64(len(data)) > r.Offset+r.Length-addr {
				return fmt.Errorf("%w: chunk at %#x goes beyond what was asked for", ErrMalformed, addr)
			}
			n, err := w.Write(data)
			*next += uint64(n)
			return err
		})
	}
}

// eachChunk calls chunk for every piece of a DEVLINK_CMD_REGION_READ message. Data aliases attrs.
func eachChunk(attrs []byte, chunk func(addr uint64, data []byte) error) error {
	c := cursor{rest: attrs}
	for typ, data, ok := c.next(); ok; typ, data, ok = c.next() {
		if typ != attrRegionChunks {
			continue
		}
		list := cursor{rest: data}
		for typ, data, ok := list.next(); ok; typ, data, ok = list.next() {
			if typ != attrRegionChunk {
				continue
			}
			addr, data, err := decodeChunk(data)
			if err == nil {
				err = chunk(addr, data)
			}
			if err != nil {
				return err
			}
		}
		c.fail(list.err)
	}
	return c.err
}

// decodeChunk reads what is nested in a DEVLINK_ATTR_REGION_CHUNK.
func decodeChunk(b []byte) (addr uint64, data []byte, err error) {
	c := cursor{rest: b}
	var hasAddr, hasData bool
	for typ, v, ok := c.next(); ok; typ, v, ok = c.next() {
		switch typ {
		case attrRegionChunkAddr:
			addr, hasAddr = c.u64(typ, v), true
		case attrRegionChunkData:
			data, hasData = v, true
		}
	}
	if c.err == nil && (!hasAddr || !hasData) {
		c.err = fmt.Errorf("%w: chunk without address or data", ErrMalformed)
	}
	return addr, data, c.err
}

// decodeRegion reads a DEVLINK_CMD_REGION_GET, REGION_NEW or REGION_DEL message.
func decodeRegion(attrs []byte) (Region, error) {
	var r Region
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrBusName, attrDevName:
			r.Handle.decode(ad)
		case attrPortIndex:
			r.Port = ptr(ad.Uint32())
		case attrRegionName:
			r.Name = ad.String()
		case attrRegionSize:
			r.Size = ad.Uint64()
		case attrRegionMaxSnapshots:
			r.MaxSnapshots = ad.Uint32()
		case attrRegionSnapshotId:
			r.Snapshots = append(r.Snapshots, ad.Uint32())
		case attrRegionSnapshots:
			nest(ad, r.decodeSnapshot)
		}
	})
	return r, err
}

// decodeSnapshot reads one attribute of DEVLINK_ATTR_REGION_SNAPSHOTS.
func (r *Region) decodeSnapshot(ad *netlink.AttributeDecoder) {
	if ad.Type() != attrRegionSnapshot {
		return
	}
	nest(ad, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrRegionSnapshotId {
			r.Snapshots = append(r.Snapshots, ad.Uint32())
		}
	})
}
