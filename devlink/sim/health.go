package sim

import (
	"context"
	"fmt"
	"slices"
	"syscall"
)

func (in *instance) reporters() []Reporter {
	if d, ok := in.device.(HealthReporters); ok {
		return d.Reporters()
	}
	return nil
}

// state returns what the core keeps about a reporter.
func (in *instance) state(rep Reporter) *healthState {
	key := rep.Name
	if rep.Port != nil {
		key = itoa(*rep.Port) + "/" + key
	}
	s := in.health[key]
	if s == nil {
		s = &healthState{autoRecover: rep.Recover != nil, autoDump: rep.Dump != nil, grace: rep.GracePeriod}
		in.health[key] = s
	}
	return s
}

func (in *instance) reporter(a attrs) (Reporter, *healthState, error) {
	list := in.reporters()
	i := slices.IndexFunc(list, func(r Reporter) bool {
		return a.has(attrHealthName) && r.Name == a.str(attrHealthName) && a.has(attrPortIndex) == (r.Port != nil) &&
			(r.Port == nil || *r.Port == a.u32(attrPortIndex))
	})
	if i < 0 {
		return Reporter{}, nil, syscall.EINVAL
	}
	return list[i], in.state(list[i]), nil
}

func (in *instance) putReporter(b *skb, rep Reporter) {
	s := in.state(rep)
	if rep.Port != nil {
		b.u32(attrPortIndex, *rep.Port)
	}
	b.nest(attrHealthReporter, func() {
		b.str(attrHealthName, rep.Name)
		b.u8(attrHealthState, s.state)
		b.u64(attrHealthErrors, s.errors)
		b.u64(attrHealthRecovers, s.recovers)
		if rep.Recover != nil {
			b.u64(attrHealthGrace, s.grace)
			if s.burst != 0 {
				b.u64(attrHealthBurst, s.burst)
			}
			b.boolean(attrHealthAutoRecover, s.autoRecover)
		}
		if s.dump != nil {
			b.u64(attrHealthDumpTime, uint64(s.dumpTime.UnixMilli()))
			b.u64(attrHealthDumpTimeNS, uint64(s.dumpTime.UnixNano()))
		}
		if rep.Dump != nil {
			b.boolean(attrHealthAutoDump, s.autoDump)
		}
	})
}

func (r *request) getReporter() error {
	rep, _, err := r.in.reporter(r.attrs)
	if err != nil {
		return err
	}
	return r.reply(cmdHealthGet, func(b *skb) { r.in.putReporter(b, rep) })
}

func dumpReporters(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		var out []item
		for _, rep := range in.reporters() {
			out = append(out, item{cmdHealthGet, func(b *skb) { in.putReporter(b, rep) }})
		}
		return out, nil
	})
}

func (r *request) setReporter() error {
	rep, s, err := r.in.reporter(r.attrs)
	if err != nil {
		return err
	}
	grace, auto, dump := r.attrs.has(attrHealthGrace), r.attrs.has(attrHealthAutoRecover), r.attrs.has(attrHealthAutoDump)
	if rep.Recover == nil && (grace || auto) || rep.Dump == nil && dump {
		return syscall.EOPNOTSUPP
	}
	if grace {
		s.grace = r.attrs.u64(attrHealthGrace)
	}
	if r.attrs.has(attrHealthBurst) {
		s.burst = r.attrs.u64(attrHealthBurst)
	}
	if auto {
		s.autoRecover = r.attrs.u8(attrHealthAutoRecover) != 0
	}
	if dump {
		s.autoDump = r.attrs.u8(attrHealthAutoDump) != 0
	}
	return nil
}

func (r *request) recoverReporter() error {
	rep, s, err := r.in.reporter(r.attrs)
	if err != nil {
		return err
	}
	return r.in.recover(rep, s)
}

// recover brings a reporter that is in error back to health.
func (in *instance) recover(rep Reporter, s *healthState) error {
	if s.state == healthHealthy {
		return nil
	}
	if rep.Recover == nil {
		return syscall.EOPNOTSUPP
	}
	if err := rep.Recover(); err != nil {
		return err
	}
	s.recovers++
	s.lastRecover = in.k.opts.Now()
	s.state = healthHealthy
	in.notify(cmdHealthRecover, func(b *skb) { in.putReporter(b, rep) })
	return nil
}

func (r *request) diagnose() error {
	rep, _, err := r.in.reporter(r.attrs)
	if err != nil {
		return err
	}
	if rep.Diagnose == nil {
		return syscall.EOPNOTSUPP
	}
	f, err := collect(rep.Diagnose)
	if err != nil {
		return err
	}
	for at := 0; at < len(f.items); {
		b, before := newSkb(), at
		b.genl(r.header(flagMulti), cmdHealthDiagnose, familyVersion, func() { at = f.put(b, at) })
		if at == before {
			return syscall.EMSGSIZE
		}
		r.post(b.buf)
	}
	return r.done(newSkb())
}

// takeDump makes the reporter's dump, unless there is one.
func (in *instance) takeDump(rep Reporter, s *healthState) error {
	if rep.Dump == nil || s.dump != nil {
		return nil
	}
	f, err := collect(rep.Dump)
	if err != nil {
		return err
	}
	s.dump, s.dumpTime = f, in.k.opts.Now()
	return nil
}

// dumpReporterDump makes a dumper of a reporter's dump. One that is cleared in between ends it with EAGAIN.
func dumpReporterDump(r *request) dumper {
	at := 0
	var begun *Fmsg
	return func(ctx context.Context, b *skb) error {
		in, err := r.k.lookup(ctx, r.attrs)
		if err != nil {
			return syscall.EINVAL
		}
		defer in.unlock()
		rep, s, err := in.reporter(r.attrs)
		if err != nil {
			return err
		}
		if rep.Dump == nil {
			return syscall.EOPNOTSUPP
		}
		if at == 0 {
			if err := in.takeDump(rep, s); err != nil {
				return err
			}
			begun = s.dump
		}
		if s.dump == nil || s.dump != begun {
			return extack(syscall.EAGAIN, "Dump trampled, please retry")
		}
		if at == len(begun.items) {
			return nil
		}
		b.genl(r.header(flagAck|flagMulti), cmdHealthDumpGet, familyVersion, func() { at = begun.put(b, at) })
		return errFull
	}
}

func (r *request) clearDump() error {
	rep, s, err := r.in.reporter(r.attrs)
	if err != nil {
		return err
	}
	if rep.Dump == nil {
		return syscall.EOPNOTSUPP
	}
	s.dump = nil
	return nil
}

func (r *request) testReporter() error {
	rep, _, err := r.in.reporter(r.attrs)
	if err != nil {
		return err
	}
	if rep.Test == nil {
		return syscall.EOPNOTSUPP
	}
	return rep.Test()
}

// Report tells the core of an error that a reporter of a device is for: it is counted, a dump is made, and
// the driver recovers, each where that is switched on and the grace period since the last recovery is over.
// The error wraps ENODEV, EINVAL where there is no such reporter, ECANCELED where recovery is not tried, or
// what recovery fails with. The caller must not be inside a method of the device.
func (k *Kernel) Report(ctx context.Context, bus, dev, reporter string) error {
	a := attrs{attrBusName: {data: []byte(bus)}, attrDevName: {data: []byte(dev)}, attrHealthName: {data: []byte(reporter)}}
	in, err := k.lookup(ctx, a)
	if err != nil {
		return fmt.Errorf("sim: report %s/%s %s: %w", bus, dev, reporter, err)
	}
	defer in.unlock()
	rep, s, err := in.reporter(a)
	if err == nil {
		err = in.report(rep, s)
	}
	if err != nil {
		return fmt.Errorf("sim: report %s/%s %s: %w", bus, dev, reporter, err)
	}
	return nil
}

func (in *instance) report(rep Reporter, s *healthState) error {
	was := s.state
	s.errors++
	s.state = healthError
	in.notify(cmdHealthRecover, func(b *skb) { in.putReporter(b, rep) })
	since := in.k.opts.Now().Sub(s.lastRecover).Milliseconds()
	if s.autoRecover && (was != healthHealthy || s.recovers > 0 && since < int64(s.grace)) {
		return syscall.ECANCELED
	}
	if s.autoDump {
		_ = in.takeDump(rep, s) // as the kernel: recovery does not depend on it
	}
	if !s.autoRecover {
		return nil
	}
	return in.recover(rep, s)
}
