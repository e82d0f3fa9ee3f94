package bmv2

import (
	"fmt"

	p4configv1 "github.com/p4lang/p4runtime/go/p4/config/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

func (a *applier) applyProfiles(list []*p4configv1.ActionProfile) {
	profiles := index(a.prog.Profiles, func(p *pipeline.ActionProfile) string { return p.Name },
		func(p *pipeline.ActionProfile) { p.ID, p.Alias, p.Annotations, p.MaxGroupSize = 0, "", nil, 0 })
	for i, pp := range list {
		path := fmt.Sprintf("/action_profiles/%d", i)
		p, ok := find(a, profiles, pp.GetPreamble(), path, "action profile")
		if !ok {
			continue
		}
		if pp.GetWithSelector() != (p.Selector != nil) {
			a.fail(path, p.Source, ErrMismatch, "action profile %q: with_selector is %v", p.Name, pp.GetWithSelector())
		}
		p.ID, p.Alias = pp.GetPreamble().GetId(), pp.GetPreamble().GetAlias()
		p.Annotations = annotations(pp.GetPreamble().GetAnnotations())
		p.MaxGroupSize = int(pp.GetMaxGroupSize())
	}
}

func (a *applier) applyValueSets(list []*p4configv1.ValueSet) {
	sets := index(a.prog.ValueSets, func(vs *pipeline.ValueSet) string { return vs.Name },
		func(vs *pipeline.ValueSet) { vs.ID, vs.Alias, vs.Annotations = 0, "", nil })
	for i, pv := range list {
		path := fmt.Sprintf("/value_sets/%d", i)
		vs, ok := find(a, sets, pv.GetPreamble(), path, "value set")
		if !ok {
			continue
		}
		vs.ID, vs.Alias = pv.GetPreamble().GetId(), pv.GetPreamble().GetAlias()
		vs.Annotations = annotations(pv.GetPreamble().GetAnnotations())
		if len(pv.GetMatch()) != len(vs.Key) {
			a.fail(path, vs.Source, ErrMismatch, "value set %q has %d components, in the program %d",
				vs.Name, len(pv.GetMatch()), len(vs.Key))
			continue
		}
		for j, mf := range pv.GetMatch() {
			if mf.GetTypeName() == nil && int(mf.GetBitwidth()) != vs.Key[j] {
				a.fail(path, vs.Source, ErrWidth, "component %d of value set %q has %d bits, in the program %d",
					j, vs.Name, mf.GetBitwidth(), vs.Key[j])
			}
		}
	}
}

func (a *applier) applyCounters(info *p4configv1.P4Info) {
	counters := index(a.prog.Counters, func(c *pipeline.Counter) string { return c.Name },
		func(c *pipeline.Counter) { c.ID, c.Alias, c.Annotations = 0, "", nil })
	set := func(path string, pre *p4configv1.Preamble, direct bool) {
		c, ok := find(a, counters, pre, path, "counter")
		if !ok {
			return
		}
		if direct != (c.Table != nil) {
			a.fail(path, c.Source, ErrMismatch, "counter %q: direct is %v", c.Name, direct)
		}
		c.ID, c.Alias, c.Annotations = pre.GetId(), pre.GetAlias(), annotations(pre.GetAnnotations())
	}
	for i, pc := range info.GetCounters() {
		set(fmt.Sprintf("/counters/%d", i), pc.GetPreamble(), false)
	}
	for i, pc := range info.GetDirectCounters() {
		set(fmt.Sprintf("/direct_counters/%d", i), pc.GetPreamble(), true)
	}
}

func (a *applier) applyMeters(info *p4configv1.P4Info) {
	meters := index(a.prog.Meters, func(m *pipeline.Meter) string { return m.Name },
		func(m *pipeline.Meter) { m.ID, m.Alias, m.Annotations = 0, "", nil })
	set := func(path string, pre *p4configv1.Preamble, direct bool) {
		m, ok := find(a, meters, pre, path, "meter")
		if !ok {
			return
		}
		if direct != (m.Table != nil) {
			a.fail(path, m.Source, ErrMismatch, "meter %q: direct is %v", m.Name, direct)
		}
		m.ID, m.Alias, m.Annotations = pre.GetId(), pre.GetAlias(), annotations(pre.GetAnnotations())
	}
	for i, pm := range info.GetMeters() {
		set(fmt.Sprintf("/meters/%d", i), pm.GetPreamble(), false)
	}
	for i, pm := range info.GetDirectMeters() {
		set(fmt.Sprintf("/direct_meters/%d", i), pm.GetPreamble(), true)
	}
}

func (a *applier) applyRegisters(list []*p4configv1.Register) {
	registers := index(a.prog.Registers, func(r *pipeline.Register) string { return r.Name },
		func(r *pipeline.Register) { r.ID, r.Alias, r.Annotations = 0, "", nil })
	for i, pr := range list {
		pre := pr.GetPreamble()
		if r, ok := find(a, registers, pre, fmt.Sprintf("/registers/%d", i), "register"); ok {
			r.ID, r.Alias, r.Annotations = pre.GetId(), pre.GetAlias(), annotations(pre.GetAnnotations())
		}
	}
}

func (a *applier) applyDigests(list []*p4configv1.Digest) {
	digests := index(a.prog.Digests, func(d *pipeline.Digest) string { return d.Name },
		func(d *pipeline.Digest) { d.ID, d.Alias, d.Annotations = 0, "", nil })
	for i, pd := range list {
		pre := pd.GetPreamble()
		if d, ok := find(a, digests, pre, fmt.Sprintf("/digests/%d", i), "digest"); ok {
			d.ID, d.Alias, d.Annotations = pre.GetId(), pre.GetAlias(), annotations(pre.GetAnnotations())
		}
	}
}
