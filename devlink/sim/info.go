package sim

import "syscall"

// putDeviceState puts what DEVLINK_CMD_GET reports: whether a reload has failed, and how many reloads there
// were per action and limit, here and by other hosts.
func (in *instance) putDeviceState(b *skb) {
	b.boolean(attrReloadFailed, in.reloadFailed)
	b.nest(attrDevStats|nlaNested, func() {
		in.putReloadStats(b, false)
		in.putReloadStats(b, true)
	})
}

func (in *instance) putReloadStats(b *skb, remote bool) {
	typ := uint16(attrReloadStats)
	if remote {
		typ = attrRemoteReloadStats
	}
	b.nest(typ|nlaNested, func() {
		for action := DriverReinit; action <= reloadActionMax; action++ {
			if remote || in.supportsAction(action) {
				in.putActionStats(b, action, remote)
			}
		}
	})
}

func (in *instance) putActionStats(b *skb, action ReloadAction, remote bool) {
	b.nest(attrReloadActionInfo|nlaNested, func() {
		b.u8(attrReloadAction, uint8(action))
		b.nest(attrReloadActionStats|nlaNested, func() {
			for limit := LimitNone; limit <= reloadLimitMax; limit++ {
				if !remote && limit != LimitNone && !in.supportsLimit(limit) || impossible(action, limit) {
					continue
				}
				b.nest(attrReloadStatsEntry|nlaNested, func() {
					b.u8(attrReloadStatsLimit, uint8(limit))
					if remote {
						b.u32(attrReloadStatsValue, 0)
					} else {
						b.u32(attrReloadStatsValue, in.reloads[limit][action])
					}
				})
			}
		})
	})
}

func (r *request) getDevice() error { return r.reply(cmdNew, r.in.putDeviceState) }

func dumpDevices(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		return []item{{cmdNew, in.putDeviceState}}, nil
	})
}

func (in *instance) info() (Info, error) {
	if d, ok := in.device.(InfoGetter); ok {
		return d.Info()
	}
	return Info{}, nil
}

// putInfo puts identity and versions; the driver's name comes last where the core adds it.
func (in *instance) putInfo(b *skb, info Info) {
	if info.Driver != "" {
		b.str(attrInfoDriver, info.Driver)
	}
	if info.Serial != "" {
		b.str(attrInfoSerial, info.Serial)
	}
	if info.BoardSerial != "" {
		b.str(attrBoardSerial, info.BoardSerial)
	}
	for _, v := range info.Versions {
		b.nest(attrInfoFixed+uint16(v.Kind), func() {
			b.str(attrInfoVersionName, v.Name)
			b.str(attrInfoVersionValue, v.Value)
		})
	}
	if name := in.device.Driver(); name != "" {
		b.str(attrInfoDriver, name)
	}
}

func (r *request) getInfo() error {
	info, err := r.in.info()
	if err != nil {
		return err
	}
	return r.reply(cmdInfoGet, func(b *skb) { r.in.putInfo(b, info) })
}

func dumpInfo(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		info, err := in.info()
		return []item{{cmdInfoGet, func(b *skb) { in.putInfo(b, info) }}}, err
	})
}

func (in *instance) ports() []Port {
	if d, ok := in.device.(Porter); ok {
		return d.Ports()
	}
	return nil
}

func putPort(b *skb, p Port) { putPortOf(b, p, portTypeEth) }

func putPortOf(b *skb, p Port, typ uint16) {
	b.u32(attrPortIndex, p.Index)
	b.u16(attrPortType, typ)
	if p.Ifindex != 0 {
		b.u32(attrPortNetdevIfindex, p.Ifindex)
		b.str(attrPortNetdevName, p.Ifname)
	}
	if p.Lanes != 0 {
		b.u32(attrPortLanes, p.Lanes)
	}
	b.u8(attrPortSplittable, 0)
	b.u16(attrPortFlavour, p.Flavour)
	if p.Flavour <= 2 { // physical, CPU and DSA ports have a number
		b.u32(attrPortNumber, p.Number)
	}
}

func (r *request) getPort() error {
	if !r.attrs.has(attrPortIndex) {
		return syscall.EINVAL
	}
	for _, p := range r.in.ports() {
		if p.Index == r.attrs.u32(attrPortIndex) {
			return r.reply(cmdPortNew, func(b *skb) { putPort(b, p) })
		}
	}
	return syscall.ENODEV
}

func dumpPorts(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		var out []item
		for _, p := range in.ports() {
			out = append(out, item{cmdPortNew, func(b *skb) { putPort(b, p) }})
		}
		return out, nil
	})
}
