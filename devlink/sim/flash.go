package sim

import (
	"context"
	"slices"
	"syscall"
)

// flash loads the file and hands it to the driver, with notifications before, during and after.
func (r *request) flash() error {
	d, ok := r.in.device.(Flasher)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	p, err := r.flashParams(d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	g := &flashGuard{r: r, cancel: cancel}
	r.in.notify(cmdFlashUpdate, func(*skb) {})
	err = d.Flash(ctx, p, g.status)
	if g.err != nil {
		err = g.err
	}
	if r.in.gone {
		return syscall.ENODEV
	}
	r.in.update()
	r.in.notify(cmdFlashEnd, func(*skb) {})
	return err
}

// flashParams checks a flash update's attributes in the kernel's order and loads the file.
func (r *request) flashParams(d Flasher) (FlashParams, error) {
	var p FlashParams
	if !r.attrs.has(attrFlashFileName) {
		return p, missing(attrFlashFileName)
	}
	if r.attrs.has(attrFlashComponent) {
		p.Component = r.attrs.str(attrFlashComponent)
		if err := r.in.checkComponent(p.Component); err != nil {
			return p, err
		}
	}
	if r.attrs.has(attrFlashOverwrite) {
		if o, ok := d.(OverwriteFlasher); !ok || !o.FlashOverwrites() {
			return p, &Error{Errno: syscall.EOPNOTSUPP, Attr: attrFlashOverwrite,
				Message: "overwrite settings are not supported by this device"}
		}
		p.Overwrite = r.attrs.bits(attrFlashOverwrite)
	}
	p.File = r.attrs.str(attrFlashFileName)
	image, err := r.k.opts.Firmware(p.File)
	if err != nil {
		return p, &Error{Errno: syscall.ENOENT, Attr: attrFlashFileName,
			Message: "failed to locate the requested firmware file"}
	}
	p.Image = image
	return p, nil
}

// checkComponent accepts only what the driver's information marks as a component.
func (in *instance) checkComponent(name string) error {
	if _, ok := in.device.(InfoGetter); !ok {
		return &Error{Errno: syscall.EOPNOTSUPP, Attr: attrFlashComponent,
			Message: "component update is not supported by this device"}
	}
	info, err := in.info()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(info.Versions, func(v Version) bool { return v.Component && v.Name == name }) {
		return &Error{Errno: syscall.EINVAL, Attr: attrFlashComponent,
			Message: "selected component is not supported by this device"}
	}
	return nil
}

// flashGuard sits between a driver's progress reports and the notifications, and makes faults happen there.
type flashGuard struct {
	r      *request
	cancel func()
	err    error
}

func (g *flashGuard) status(s FlashStatus) error {
	if g.err != nil {
		return g.err
	}
	if err := g.r.ctx.Err(); err != nil {
		return err
	}
	g.r.in.notify(cmdFlashStatus, func(b *skb) { putFlashStatus(b, s) })
	for _, f := range g.r.faults {
		if s.Total == 0 || s.Done*100 < uint64(f.Percent)*s.Total {
			continue
		}
		switch f.Kind {
		case FlashFailure:
			g.err = extack(f.Errno, f.Message)
		case Vanish:
			g.r.in.vanish()
			g.err = syscall.ENODEV
		default:
			continue
		}
		g.cancel()
		return g.err
	}
	return nil
}

func putFlashStatus(b *skb, s FlashStatus) {
	if s.Message != "" {
		b.str(attrFlashStatusMsg, s.Message)
	}
	if s.Component != "" {
		b.str(attrFlashComponent, s.Component)
	}
	b.u64(attrFlashStatusDone, s.Done)
	b.u64(attrFlashStatusTotal, s.Total)
	b.u64(attrFlashStatusTimeout, s.Timeout)
}
