package sim

import "syscall"

// control carries out a request of generic netlink's controller, which knows two families: itself and devlink.
func (r *request) control() error {
	if r.cmd != ctrlCmdGetFamily {
		return syscall.EOPNOTSUPP
	}
	if r.isDump() {
		b := newSkb()
		r.putFamily(b, flagMulti, ctrlID)
		r.putFamily(b, flagMulti, r.k.opts.FamilyID)
		(&dump{r: r}).finish(b, nil)
		return errNoAnswer
	}
	id, err := r.wantedFamily()
	if err != nil {
		return err
	}
	b := newSkb()
	r.putFamily(b, 0, id)
	r.post(b.buf)
	return nil
}

func (r *request) wantedFamily() (uint16, error) {
	id := uint16(0)
	switch {
	case r.attrs.has(ctrlFamilyName):
		switch r.attrs.str(ctrlFamilyName) {
		case "devlink":
			id = r.k.opts.FamilyID
		case "nlctrl":
			id = ctrlID
		}
	case r.attrs.has(ctrlFamilyID):
		d := r.attrs[ctrlFamilyID].data
		if len(d) < 2 {
			return 0, syscall.ERANGE
		}
		id = host.Uint16(d)
	default:
		return 0, syscall.EINVAL
	}
	if id != ctrlID && id != r.k.opts.FamilyID {
		return 0, syscall.ENOENT
	}
	return id, nil
}

func (r *request) putFamily(b *skb, flags, id uint16) {
	b.genl(r.header(flags), ctrlCmdNewFamily, 2, func() {
		name, version, maxAttr := "nlctrl", uint32(2), uint32(10)
		if id != ctrlID {
			name, version, maxAttr = "devlink", familyVersion, attrMax
		}
		b.str(ctrlFamilyName, name)
		b.u16(ctrlFamilyID, id)
		b.u32(ctrlVersion, version)
		b.u32(ctrlHdrSize, 0)
		b.u32(ctrlMaxAttr, maxAttr)
		if id != ctrlID {
			b.nest(ctrlOps, func() { putOps(b) })
			b.nest(ctrlMcastGroups, func() {
				b.nest(1, func() {
					b.u32(ctrlGroupID, r.k.opts.Group)
					b.str(ctrlGroupName, "config")
				})
			})
		}
	})
}

func putOps(b *skb) {
	n := uint16(0)
	for cmd := range uint8(255) {
		op := operations(cmd)
		flags := uint32(capPolicy)
		if op.do != nil {
			flags |= capDo
		}
		if op.dump != nil {
			flags |= capDump
		}
		if flags == capPolicy {
			continue
		}
		if op.admin {
			flags |= capAdmin
		}
		n++
		b.nest(n, func() {
			b.u32(ctrlOpID, uint32(cmd))
			b.u32(ctrlOpFlags, flags)
		})
	}
}
