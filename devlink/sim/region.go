package sim

import (
	"context"
	"math"
	"slices"
	"syscall"
)

func (in *instance) regions() []Region {
	if d, ok := in.device.(Regioner); ok {
		return d.Regions()
	}
	return nil
}

func (in *instance) region(name string) (Region, bool) {
	list := in.regions()
	i := slices.IndexFunc(list, func(r Region) bool { return r.Name == name })
	if i < 0 {
		return Region{}, false
	}
	return list[i], true
}

func (in *instance) snapshot(region string, id uint32) (snapshot, bool) {
	for _, s := range in.snapshots[region] {
		if s.id == id {
			return s, true
		}
	}
	return snapshot{}, false
}

func (in *instance) putRegion(b *skb, r Region) {
	b.str(attrRegionName, r.Name)
	b.u64(attrRegionSize, r.Size)
	b.u32(attrRegionMaxSnapshots, r.MaxSnapshots)
	b.nest(attrRegionSnapshots, func() {
		for _, s := range in.snapshots[r.Name] {
			b.nest(attrRegionSnapshot, func() { b.u32(attrRegionSnapshotID, s.id) })
		}
	})
}

// putRegionNotice puts what the notifications of a region itself say.
func (in *instance) putRegionNotice(b *skb, r Region) {
	b.str(attrRegionName, r.Name)
	b.u64(attrRegionSize, r.Size)
}

func putSnapshotNotice(b *skb, region string, id uint32) {
	b.str(attrRegionName, region)
	b.u32(attrRegionSnapshotID, id)
}

func (r *request) getRegion() error {
	if !r.attrs.has(attrRegionName) {
		return missing(attrRegionName)
	}
	reg, ok := r.in.region(r.attrs.str(attrRegionName))
	if !ok {
		return syscall.EINVAL
	}
	return r.reply(cmdRegionGet, func(b *skb) { r.in.putRegion(b, reg) })
}

func dumpRegions(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		var out []item
		for _, reg := range in.regions() {
			out = append(out, item{cmdRegionGet, func(b *skb) { in.putRegion(b, reg) }})
		}
		return out, nil
	})
}

// newSnapshot takes a snapshot, and replies with its identifier where the request did not choose it.
func (r *request) newSnapshot() error {
	if !r.attrs.has(attrRegionName) {
		return &Error{Errno: syscall.EINVAL, Message: "No region name provided", Missing: attrRegionName}
	}
	reg, ok := r.in.region(r.attrs.str(attrRegionName))
	switch {
	case !ok:
		return extack(syscall.EINVAL, "The requested region does not exist")
	case reg.Snapshot == nil:
		return extack(syscall.EOPNOTSUPP, "The requested region does not support taking an immediate snapshot")
	case uint32(len(r.in.snapshots[reg.Name])) >= reg.MaxSnapshots:
		return extack(syscall.ENOSPC, "The region has reached the maximum number of stored snapshots")
	}
	chosen := r.attrs.has(attrRegionSnapshotID)
	id := r.attrs.u32(attrRegionSnapshotID)
	if !chosen {
		id = r.in.freeSnapshotID()
	} else if _, used := r.in.snapshot(reg.Name, id); used {
		return extack(syscall.EEXIST, "The requested snapshot id is already in use")
	}
	data, err := reg.Snapshot()
	if err != nil {
		return err
	}
	fixed := make([]byte, reg.Size)
	copy(fixed, data)
	r.in.snapshots[reg.Name] = append(r.in.snapshots[reg.Name], snapshot{id, fixed})
	r.in.notify(cmdRegionNew, func(b *skb) { putSnapshotNotice(b, reg.Name, id) })
	if chosen {
		return nil
	}
	return r.reply(cmdRegionNew, func(b *skb) { putSnapshotNotice(b, reg.Name, id) })
}

// freeSnapshotID returns the lowest identifier that no region of the device uses.
func (in *instance) freeSnapshotID() uint32 {
	used := map[uint32]bool{}
	for _, list := range in.snapshots {
		for _, s := range list {
			used[s.id] = true
		}
	}
	id := uint32(0)
	for used[id] {
		id++
	}
	return id
}

func (r *request) deleteSnapshot() error {
	for _, typ := range []uint16{attrRegionName, attrRegionSnapshotID} {
		if !r.attrs.has(typ) {
			return missing(typ)
		}
	}
	name, id := r.attrs.str(attrRegionName), r.attrs.u32(attrRegionSnapshotID)
	if _, ok := r.in.snapshot(name, id); !ok {
		return syscall.EINVAL
	}
	r.in.notify(cmdRegionDel, func(b *skb) { putSnapshotNotice(b, name, id) })
	r.in.snapshots[name] = slices.DeleteFunc(r.in.snapshots[name], func(s snapshot) bool { return s.id == id })
	return nil
}

// dumpRegionChunks makes a dumper of a region's bytes, in chunks. Every datagram is checked anew against the
// region as it is then.
func dumpRegionChunks(r *request) dumper {
	var offset uint64
	return func(ctx context.Context, b *skb) error {
		in, err := r.k.lookup(ctx, r.attrs)
		if err != nil {
			return err
		}
		defer in.unlock()
		reg, read, err := r.regionReader(in)
		if err != nil {
			return err
		}
		end := uint64(math.MaxUint64)
		if r.attrs.has(attrRegionChunkAddr) && r.attrs.has(attrRegionChunkLen) {
			if offset == 0 {
				offset = r.attrs.u64(attrRegionChunkAddr)
			}
			end = r.attrs.u64(attrRegionChunkAddr) + r.attrs.u64(attrRegionChunkLen)
		}
		end = min(end, reg.Size)
		if offset == end {
			return nil
		}
		start := offset
		flags := uint16(flagAck | flagMulti)
		b.genl(r.header(flags), cmdRegionRead, familyVersion, func() {
			in.putHandle(b)
			b.str(attrRegionName, reg.Name)
			b.nest(attrRegionChunks, func() { offset, err = putChunks(b, read, offset, end) })
		})
		if err == nil && offset == start {
			err = syscall.EINVAL // the address lies behind the end
		}
		if err != nil {
			b.rollback(0)
			return err
		}
		return errFull
	}
}

// putChunks puts chunks until one does not fit and returns the offset to go on with.
func putChunks(b *skb, read func(uint64, []byte) error, offset, end uint64) (uint64, error) {
	var chunk [regionChunk]byte
	for offset < end {
		part := chunk[:min(end-offset, regionChunk)]
		if err := read(offset, part); err != nil {
			return offset, err
		}
		mark := b.mark()
		b.nest(attrRegionChunk, func() {
			b.bytes(attrRegionChunkData, part)
			b.u64(attrRegionChunkAddr, offset)
		})
		if b.full {
			b.rollback(mark)
			return offset, nil
		}
		offset += uint64(len(part))
	}
	return offset, nil
}

// regionReader finds what a read request wants to read: a snapshot, or the region itself.
func (r *request) regionReader(in *instance) (Region, func(uint64, []byte) error, error) {
	if !r.attrs.has(attrRegionName) {
		return Region{}, nil, extack(syscall.EINVAL, "No region name provided")
	}
	reg, ok := in.region(r.attrs.str(attrRegionName))
	if !ok {
		return reg, nil, &Error{Errno: syscall.EINVAL, Attr: attrRegionName, Message: "Requested region does not exist"}
	}
	direct := r.attrs.has(attrRegionDirect)
	if !r.attrs.has(attrRegionSnapshotID) {
		switch {
		case !direct:
			return reg, nil, extack(syscall.EINVAL, "No snapshot id provided")
		case reg.Read == nil:
			return reg, nil, extack(syscall.EOPNOTSUPP, "Requested region does not support direct read")
		}
		return reg, reg.Read, nil
	}
	if direct {
		return reg, nil, &Error{Errno: syscall.EINVAL, Attr: attrRegionSnapshotID, Message: "Direct region read does not use snapshot"}
	}
	s, ok := in.snapshot(reg.Name, r.attrs.u32(attrRegionSnapshotID))
	if !ok {
		return reg, nil, &Error{Errno: syscall.EINVAL, Attr: attrRegionSnapshotID, Message: "Requested snapshot does not exist"}
	}
	reg.Size = uint64(len(s.data))
	return reg, func(offset uint64, p []byte) error { copy(p, s.data[offset:]); return nil }, nil
}
