package sim

import (
	"slices"
	"syscall"
)

func (in *instance) supportsAction(a ReloadAction) bool {
	d, ok := in.device.(Reloader)
	if !ok {
		return false
	}
	actions, _ := d.ReloadActions()
	return slices.Contains(actions, a)
}

func (in *instance) supportsLimit(l ReloadLimit) bool {
	d, ok := in.device.(Reloader)
	if !ok {
		return false
	}
	_, limits := d.ReloadActions()
	return slices.Contains(limits, l)
}

// impossible reports whether an action cannot keep a limit: a driver cannot be re-initialized without any
// down time.
func impossible(a ReloadAction, l ReloadLimit) bool { return a == DriverReinit && l == LimitNoReset }

// reload performs an action, and replies with those performed only where the request named action or limit.
func (r *request) reload() error {
	d, ok := r.in.device.(Reloader)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	if !r.in.resourcesValid() {
		return extack(syscall.EINVAL, "resources size validation failed")
	}
	action, limit, err := r.reloadParams()
	if err != nil {
		return err
	}
	if action == DriverReinit {
		r.in.takeDown()
		r.in.applySizes()
		r.in.applyParams()
	}
	done, err := d.Reload(r.ctx, action, limit)
	r.in.update()
	r.in.setReloadFailed(err != nil)
	if err != nil {
		return err
	}
	performed := uint32(0)
	for _, a := range done {
		if a <= reloadActionMax {
			performed |= 1 << a
			r.in.reloads[limit][a]++
		}
	}
	r.in.notifyDevice(cmdNew)
	if !r.attrs.has(attrReloadAction) && !r.attrs.has(attrReloadLimits) {
		return nil
	}
	return r.reply(cmdReload, func(b *skb) { b.bits(attrReloadPerformed, performed, performed) })
}

func (r *request) reloadParams() (ReloadAction, ReloadLimit, error) {
	action := DriverReinit
	if r.attrs.has(attrReloadAction) {
		action = ReloadAction(r.attrs.u8(attrReloadAction))
	}
	if !r.in.supportsAction(action) {
		return 0, 0, extack(syscall.EOPNOTSUPP, "Requested reload action is not supported by the driver")
	}
	if !r.attrs.has(attrReloadLimits) {
		return action, LimitNone, nil
	}
	selected := r.attrs.bits(attrReloadLimits)
	switch limit := LimitNoReset; {
	case selected == 0:
		return 0, 0, extack(syscall.EINVAL, "Invalid limit selected")
	case selected == 1<<LimitNone:
		return 0, 0, extack(syscall.EOPNOTSUPP, "Requested limit is not supported by the driver")
	case selected != 1<<limit:
		return 0, 0, extack(syscall.EOPNOTSUPP, "Multiselection of limit is not supported")
	case !r.in.supportsLimit(limit):
		return 0, 0, extack(syscall.EOPNOTSUPP, "Requested limit is not supported by the driver")
	case impossible(action, limit):
		return 0, 0, extack(syscall.EINVAL, "Requested limit is invalid for this action")
	default:
		return action, limit, nil
	}
}

func (in *instance) setReloadFailed(failed bool) {
	if in.reloadFailed != failed {
		in.reloadFailed = failed
		in.notifyDevice(cmdNew)
	}
}
