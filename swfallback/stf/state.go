package stf

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// replication are the multicast groups and nodes of BMv2's replication engine. A node has a replication id
// and ports; a group is a list of nodes; nodes are numbered from 0.
type replication struct {
	nodes  map[uint32][]pipeline.Replica
	groups map[uint32][]uint32
}

func newReplication() replication {
	return replication{map[uint32][]pipeline.Replica{}, map[uint32][]uint32{}}
}

func numbers32(args []string) ([]uint32, error) {
	var out []uint32
	for _, a := range args {
		n, err := number32(a)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// mirroring_add SESSION PORT
func (r *runner) mirroringAdd(args []string) error {
	return r.session(args, func(s *pipeline.CloneSession, port uint32) {
		s.Replicas = []pipeline.Replica{{Port: port}}
	})
}

// mirroring_add_mc SESSION GROUP
func (r *runner) mirroringAddGroup(args []string) error {
	return r.session(args, func(s *pipeline.CloneSession, group uint32) { s.Multicast = group })
}

func (r *runner) mirroringDelete(args []string) error {
	return r.session(append(args, "0"), func(*pipeline.CloneSession, uint32) {})
}

func (r *runner) session(args []string, fill func(*pipeline.CloneSession, uint32)) error {
	target, err := part[Replicator](r)
	if err != nil {
		return err
	}
	n, err := numbers32(args)
	if err != nil {
		return err
	}
	s := pipeline.CloneSession{ID: n[0]}
	fill(&s, n[1])
	return target.SetCloneSession(s)
}

// mc_mgrp_create GROUP
func (r *runner) groupCreate(args []string) error {
	id, err := number32(args[0])
	if err == nil {
		r.nodes.groups[id] = nil
	}
	return err
}

// mc_mgrp_destroy GROUP
func (r *runner) groupDestroy(args []string) error {
	id, err := number32(args[0])
	if err != nil {
		return err
	}
	delete(r.nodes.groups, id)
	return r.replicate(id)
}

// mc_node_create RID PORT...; BMv2 copies to a node's ports in ascending order.
func (r *runner) nodeCreate(args []string) error {
	return r.node(free(r.nodes.nodes), args)
}

// node sets a node's replicas from RID PORT... A "|" separates link aggregation groups, which no test has.
func (r *runner) node(handle uint32, args []string) error {
	n, err := numbers32(args)
	if err != nil {
		return err
	}
	ports := slices.Sorted(slices.Values(n[1:]))
	replicas := []pipeline.Replica{}
	for _, p := range slices.Compact(ports) {
		replicas = append(replicas, pipeline.Replica{Port: p, Instance: n[0]})
	}
	r.nodes.nodes[handle] = replicas
	return nil
}

// mc_node_update NODE PORT...
func (r *runner) nodeUpdate(args []string) error {
	handle, err := number32(args[0])
	if err != nil {
		return err
	}
	old, ok := r.nodes.nodes[handle]
	if !ok || len(old) == 0 {
		return fmt.Errorf("node %d: %w", handle, pipeline.ErrNotFound)
	}
	rid := strconv.FormatUint(uint64(old[0].Instance), 10)
	if err := r.node(handle, append([]string{rid}, args[1:]...)); err != nil {
		return err
	}
	return r.replicateAll(handle)
}

// mc_node_associate GROUP NODE
func (r *runner) nodeAssociate(args []string) error {
	n, err := numbers32(args)
	if err != nil {
		return err
	}
	group, ok := r.nodes.groups[n[0]]
	if _, known := r.nodes.nodes[n[1]]; !ok || !known {
		return fmt.Errorf("group %d or node %d: %w", n[0], n[1], pipeline.ErrNotFound)
	}
	r.nodes.groups[n[0]] = append(group, n[1])
	return r.replicate(n[0])
}

// mc_node_dissociate GROUP NODE
func (r *runner) nodeDissociate(args []string) error {
	n, err := numbers32(args)
	if err != nil {
		return err
	}
	r.nodes.groups[n[0]] = slices.DeleteFunc(r.nodes.groups[n[0]], func(h uint32) bool { return h == n[1] })
	return r.replicate(n[0])
}

// mc_node_destroy NODE
func (r *runner) nodeDestroy(args []string) error {
	handle, err := number32(args[0])
	if err != nil {
		return err
	}
	delete(r.nodes.nodes, handle)
	return r.replicateAll(handle)
}

// replicateAll tells the target of every group with a node.
func (r *runner) replicateAll(node uint32) error {
	for id, nodes := range r.nodes.groups {
		if slices.Contains(nodes, node) {
			if err := r.replicate(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// replicate tells the target of one group.
func (r *runner) replicate(id uint32) error {
	target, err := part[Replicator](r)
	if err != nil {
		return err
	}
	g := pipeline.MulticastGroup{ID: id}
	for _, node := range r.nodes.groups[id] {
		g.Replicas = append(g.Replicas, r.nodes.nodes[node]...)
	}
	return target.SetMulticastGroup(g)
}

// counter_read COUNTER INDEX
func (r *runner) counterRead(args []string) error {
	c, err := r.counter(args[0])
	if err != nil {
		return err
	}
	count, err := r.readCounter(c, args[1])
	if err != nil {
		return err
	}
	r.output("%s[%s] = %d packets, %d bytes", c.Name, args[1], count.Packets, count.Bytes)
	return nil
}

func (r *runner) output(format string, args ...any) {
	r.result.Output = append(r.result.Output, fmt.Sprintf(format, args...))
}

// counter_write COUNTER INDEX PACKETS BYTES
func (r *runner) counterWrite(args []string) error {
	target, err := part[CounterWriter](r)
	if err != nil {
		return err
	}
	c, err := r.counter(args[0])
	if err != nil {
		return err
	}
	n, err := numbers32(args[1:])
	if err != nil {
		return err
	}
	return target.WriteCounter(c, int(n[0]), pipeline.Count{Packets: uint64(n[1]), Bytes: uint64(n[2])})
}

// counter_reset COUNTER
func (r *runner) counterReset(args []string) error {
	target, err := part[CounterWriter](r)
	if err != nil {
		return err
	}
	c, err := r.counter(args[0])
	if err != nil {
		return err
	}
	for i := range c.Size {
		if err := target.WriteCounter(c, i, pipeline.Count{}); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) register(name string) (Registrar, *pipeline.Register, error) {
	target, err := part[Registrar](r)
	if err != nil {
		return nil, nil, err
	}
	reg, err := named(r.program.Registers, name, func(g *pipeline.Register) string { return g.Name }, r.program.RegisterByName)
	return target, reg, err
}

// register_read REGISTER [INDEX]
func (r *runner) registerRead(args []string) error {
	target, reg, err := r.register(args[0])
	if err != nil {
		return err
	}
	from, to := 0, reg.Size
	if len(args) == 2 {
		n, err := number32(args[1])
		if err != nil {
			return err
		}
		from, to = int(n), int(n)+1
	}
	for i := from; i < to; i++ {
		v, err := target.ReadRegister(reg, i)
		if err != nil {
			return err
		}
		r.output("%s[%d] = %v", reg.Name, i, v)
	}
	return nil
}

// register_write REGISTER INDEX VALUE
func (r *runner) registerWrite(args []string) error {
	target, reg, err := r.register(args[0])
	if err != nil {
		return err
	}
	i, err := number32(args[1])
	if err != nil {
		return err
	}
	v, err := parseNumber(args[2], reg.Width)
	if err != nil {
		return err
	}
	return target.WriteRegister(reg, int(i), v)
}

// register_reset REGISTER
func (r *runner) registerReset(args []string) error {
	target, reg, err := r.register(args[0])
	if err != nil {
		return err
	}
	for i := range reg.Size {
		if err := target.WriteRegister(reg, i, new(big.Int)); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) meter(name string) (Metered, *pipeline.Meter, error) {
	target, err := part[Metered](r)
	if err != nil {
		return nil, nil, err
	}
	m, err := named(r.program.Meters, name, func(m *pipeline.Meter) string { return m.Name }, r.program.MeterByName)
	return target, m, err
}

// meterRates reads RATE:BURST RATE:BURST, the committed one first. BMv2 counts rates per microsecond.
func meterRates(args []string) (*pipeline.MeterRates, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("%d rates, want 2: %w", len(args), pipeline.ErrBadRange)
	}
	var rate [2]float64
	var burst [2]uint64
	for i, a := range args {
		r, b, _ := strings.Cut(a, ":")
		var err error
		if rate[i], err = strconv.ParseFloat(r, 64); err != nil {
			return nil, fmt.Errorf("rate %q: not a number", r)
		}
		if burst[i], err = strconv.ParseUint(b, 0, 64); err != nil {
			return nil, fmt.Errorf("burst %q: not a number", b)
		}
	}
	const perSecond = 1e6
	return &pipeline.MeterRates{Committed: rate[0] * perSecond, CommittedBurst: burst[0],
		Peak: rate[1] * perSecond, PeakBurst: burst[1]}, nil
}

// meter_set_rates METER INDEX RATE:BURST RATE:BURST; of a direct meter the index is an entry's handle.
func (r *runner) meterSetRates(args []string) error {
	target, m, err := r.meter(args[0])
	if err != nil {
		return err
	}
	rates, err := meterRates(args[2:])
	if err != nil {
		return err
	}
	if m.Table != nil {
		e, err := r.entryByHandle(m.Table, args[1])
		if err != nil {
			return err
		}
		return target.SetDirectMeterRates(e, rates)
	}
	i, err := number32(args[1])
	if err != nil {
		return err
	}
	return target.SetMeterRates(m, int(i), rates)
}

// meter_array_set_rates METER RATE:BURST RATE:BURST
func (r *runner) meterArraySetRates(args []string) error {
	target, m, err := r.meter(args[0])
	if err != nil {
		return err
	}
	rates, err := meterRates(args[1:])
	if err != nil {
		return err
	}
	if m.Table == nil {
		for i := range m.Size {
			if err := target.SetMeterRates(m, i, rates); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range r.handles[m.Table] {
		if e == nil {
			continue
		}
		if err := target.SetDirectMeterRates(e, rates); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) valueSet(name string) (*pipeline.ValueSet, error) {
	return named(r.program.ValueSets, name, func(s *pipeline.ValueSet) string { return s.Name }, r.program.ValueSetByName)
}

// pvs_add SET VALUE: the components joined, the first in front. Adding a member again changes nothing.
func (r *runner) valueSetAdd(args []string) error {
	return r.changeValueSet(args, func(members []string, value string) []string {
		if slices.Contains(members, value) {
			return members
		}
		return append(members, value)
	})
}

// pvs_remove SET VALUE: removing what is not there changes nothing.
func (r *runner) valueSetRemove(args []string) error {
	return r.changeValueSet(args, func(members []string, value string) []string {
		return slices.DeleteFunc(members, func(m string) bool { return m == value })
	})
}

func (r *runner) valueSetClear(args []string) error {
	return r.changeValueSet(append(args, "0"), func([]string, string) []string { return nil })
}

func (r *runner) changeValueSet(args []string, change func([]string, string) []string) error {
	target, err := part[ValueSetter](r)
	if err != nil {
		return err
	}
	set, err := r.valueSet(args[0])
	if err != nil {
		return err
	}
	value, err := parseNumber(args[1], 0)
	if err != nil {
		return err
	}
	if value.BitLen() > set.Width {
		return fmt.Errorf("0x%x does not fit into %d bits: %w", value, set.Width, pipeline.ErrBadRange)
	}
	next := change(slices.Clone(r.sets[set]), value.Text(16))
	var members [][]pipeline.Match
	for _, m := range next {
		joined, _ := new(big.Int).SetString(m, 16)
		members = append(members, components(set, joined))
	}
	if err := target.SetValueSet(set, members); err != nil {
		return err
	}
	r.sets[set] = next
	return nil
}

// components takes a joined value apart.
func components(set *pipeline.ValueSet, joined *big.Int) []pipeline.Match {
	out := make([]pipeline.Match, len(set.Key))
	rest := new(big.Int).Set(joined)
	for i := len(set.Key) - 1; i >= 0; i-- {
		part := new(big.Int).And(rest, ones(set.Key[i]))
		out[i].Value = part.FillBytes(make([]byte, (set.Key[i]+7)/8))
		rest.Rsh(rest, uint(set.Key[i]))
	}
	return out
}
