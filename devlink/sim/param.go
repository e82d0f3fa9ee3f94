package sim

import (
	"bytes"
	"slices"
	"syscall"
)

func (in *instance) paramList() []Param {
	if d, ok := in.device.(Paramer); ok {
		return d.Params()
	}
	return nil
}

func (in *instance) putParam(b *skb, p Param) {
	b.nest(attrParam, func() {
		b.str(attrParamName, p.Name)
		if p.Generic {
			b.flag(attrParamGeneric)
		}
		b.u8(attrParamType, uint8(p.Type))
		b.nest(attrParamValuesList, func() {
			for mode := CModeRuntime; mode <= CModePermanent; mode++ {
				v, ok := p.Values[mode]
				if !ok {
					continue
				}
				if n, waits := in.params[p.Name]; waits && mode == CModeDriverinit {
					v = n
				}
				b.nest(attrParamValue, func() {
					b.u8(attrParamValueCmode, uint8(mode))
					putParamValue(b, v)
					putParamData(b, attrParamValueDefault, p.Defaults[mode])
				})
			}
		})
	})
}

// putParamValue puts a value, in which a boolean is a flag.
func putParamValue(b *skb, v any) {
	on, isBool := v.(bool)
	switch {
	case !isBool:
		putParamData(b, attrParamValueData, v)
	case on:
		b.flag(attrParamValueData)
	}
}

// putParamData puts a value or a default; in a default a boolean is a byte. nil: there is none.
func putParamData(b *skb, attr uint16, v any) {
	switch v := v.(type) {
	case uint8:
		b.u8(attr, v)
	case uint16:
		b.u16(attr, v)
	case uint32:
		b.u32(attr, v)
	case uint64:
		b.u64(attr, v)
	case string:
		b.str(attr, v)
	case bool:
		b.boolean(attr, v)
	}
}

func (r *request) param() (Param, error) {
	if !r.attrs.has(attrParamName) {
		return Param{}, missing(attrParamName)
	}
	list := r.in.paramList()
	i := slices.IndexFunc(list, func(p Param) bool { return p.Name == r.attrs.str(attrParamName) })
	if i < 0 {
		return Param{}, syscall.EINVAL
	}
	return list[i], nil
}

func (r *request) getParam() error {
	p, err := r.param()
	if err != nil {
		return err
	}
	return r.reply(cmdParamGet, func(b *skb) { r.in.putParam(b, p) })
}

func dumpParams(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		var out []item
		for _, p := range in.paramList() {
			out = append(out, item{cmdParamGet, func(b *skb) { in.putParam(b, p) }})
		}
		return out, nil
	})
}

func (r *request) setParam() error {
	p, err := r.param()
	if err != nil {
		return err
	}
	if !r.attrs.has(attrParamType) {
		return missing(attrParamType)
	}
	if ParamType(r.attrs.u8(attrParamType)) != p.Type {
		return syscall.EINVAL
	}
	if !r.attrs.has(attrParamValueCmode) {
		return missing(attrParamValueCmode)
	}
	mode := CMode(r.attrs.u8(attrParamValueCmode))
	v, err := r.newParamValue(p, mode)
	if err != nil {
		return err
	}
	if _, ok := p.Values[mode]; !ok {
		return syscall.EOPNOTSUPP
	}
	if mode == CModeDriverinit {
		r.in.params[p.Name] = v
	} else if err := r.in.device.(Paramer).SetParam(p.Name, mode, v); err != nil {
		return err
	}
	if p, err = r.param(); err == nil {
		r.in.notify(cmdParamNew, func(b *skb) { r.in.putParam(b, p) })
	}
	return nil
}

// newParamValue is the value that a request sets: its own, or the default where it asks for that.
func (r *request) newParamValue(p Param, mode CMode) (any, error) {
	if !r.attrs.has(attrParamResetDefault) {
		return r.paramValue(p.Type)
	}
	v, ok := p.Defaults[mode]
	if !ok {
		return nil, extack(syscall.EOPNOTSUPP, "Default value is not available")
	}
	return v, nil
}

// paramValue reads a value: integers have exactly their length, strings at most 32 bytes with the zero, and a
// boolean is true where the attribute is there.
func (r *request) paramValue(t ParamType) (any, error) {
	a, ok := r.attrs[attrParamValueData]
	if !ok && t != ParamBool {
		return nil, syscall.EINVAL
	}
	sizes := map[ParamType]int{ParamU8: 1, ParamU16: 2, ParamU32: 4, ParamU64: 8, ParamBool: 0}
	if n, fixed := sizes[t]; fixed && len(a.data) != n {
		return nil, syscall.EINVAL
	}
	switch t {
	case ParamU8:
		return a.data[0], nil
	case ParamU16:
		return host.Uint16(a.data), nil
	case ParamU32:
		return host.Uint32(a.data), nil
	case ParamU64:
		return host.Uint64(a.data), nil
	case ParamBool:
		return ok, nil
	}
	if n := bytes.IndexByte(a.data, 0); n < 0 || n >= 32 {
		return nil, syscall.EINVAL
	}
	return r.attrs.str(attrParamValueData), nil
}

// applyParams hands the driverinit values that were set to the driver; what it refuses stays as it was.
func (in *instance) applyParams() {
	d, ok := in.device.(Paramer)
	if !ok {
		return
	}
	for _, p := range d.Params() {
		if v, waits := in.params[p.Name]; waits {
			_ = d.SetParam(p.Name, CModeDriverinit, v)
		}
	}
	clear(in.params)
}
