package sim

import "syscall"

func (in *instance) resources() []Resource {
	if d, ok := in.device.(Resourcer); ok {
		return d.Resources()
	}
	return nil
}

// newSize is the size that a resource has after the next reload.
func (in *instance) newSize(r Resource) uint64 {
	if n, ok := in.sizes[r.ID]; ok {
		return n
	}
	return r.Size
}

// sizeValid reports whether the parts of a resource fit into it.
func (in *instance) sizeValid(r Resource) bool {
	var parts uint64
	for _, c := range r.Children {
		parts += in.newSize(c)
	}
	return parts <= in.newSize(r)
}

func (in *instance) resourcesValid() bool {
	valid := true
	walkResources(in.resources(), func(r Resource) { valid = valid && in.sizeValid(r) })
	return valid
}

func walkResources(list []Resource, visit func(Resource)) {
	for _, r := range list {
		visit(r)
		walkResources(r.Children, visit)
	}
}

// applySizes hands the sizes that were set to the driver.
func (in *instance) applySizes() {
	if d, ok := in.device.(ResourceSizer); ok {
		walkResources(in.resources(), func(r Resource) {
			if n, ok := in.sizes[r.ID]; ok && d.SetResourceSize(r.ID, n) {
				delete(in.sizes, r.ID)
			}
		})
	}
}

func (r *request) getResources() error {
	list := r.in.resources()
	if len(list) == 0 {
		return syscall.EOPNOTSUPP
	}
	var elements []func(b *skb)
	for _, res := range list {
		elements = append(elements, func(b *skb) { r.in.putResource(b, res) })
	}
	return r.listReply(cmdResourceDump, attrResourceList, elements)
}

func (in *instance) putResource(b *skb, r Resource) {
	b.nest(attrResource, func() {
		b.str(attrResourceName, r.Name)
		b.u64(attrResourceSize, r.Size)
		b.u64(attrResourceID, r.ID)
		if n := in.newSize(r); n != r.Size {
			b.u64(attrResourceSizeNew, n)
		}
		if r.Occupancy != nil {
			b.u64(attrResourceOcc, r.Occupancy())
		}
		b.u64(attrResourceSizeGran, max(r.Granularity, 1))
		b.u64(attrResourceSizeMax, r.Max)
		b.u64(attrResourceSizeMin, r.Min)
		b.u8(attrResourceUnit, 0)
		if len(r.Children) == 0 {
			return
		}
		b.boolean(attrResourceSizeValid, in.sizeValid(r))
		b.nest(attrResourceList, func() {
			for _, c := range r.Children {
				in.putResource(b, c)
			}
		})
	})
}

func (r *request) setResource() error {
	for _, typ := range []uint16{attrResourceID, attrResourceSize} {
		if !r.attrs.has(typ) {
			return missing(typ)
		}
	}
	var found *Resource
	walkResources(r.in.resources(), func(res Resource) {
		if res.ID == r.attrs.u64(attrResourceID) {
			found = &res
		}
	})
	if found == nil {
		return syscall.EINVAL
	}
	size := r.attrs.u64(attrResourceSize)
	// The kernel makes all three checks, so the last one that fails gives the message.
	switch {
	case size%max(found.Granularity, 1) != 0:
		return extack(syscall.EINVAL, "Wrong granularity")
	case size < found.Min:
		return extack(syscall.EINVAL, "Size smaller than minimum")
	case size > found.Max:
		return extack(syscall.EINVAL, "Size larger than maximum")
	}
	r.in.sizes[found.ID] = size
	return nil
}
