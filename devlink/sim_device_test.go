package devlink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
)

// handle names the simulated device.
var handle = devlink.Handle{Bus: "pci", Dev: "0000:01:00.0"}

// A nic is a simulated device with something of every kind.
type nic struct {
	mu      sync.Mutex
	running string
	stored  string
	region  []byte
	entries int
	release chan struct{} // a flash waits for it, where it is not nil
}

// newNIC returns a device whose region does not end on a piece of the kernel's size.
func newNIC() *nic {
	return &nic{running: "1.0", stored: "1.0", region: bytes.Repeat([]byte("p4-pipeline "), 1000), entries: 700}
}

func (n *nic) Handle() (string, string) { return handle.Bus, handle.Dev }
func (n *nic) Driver() string           { return "p4sim" }

func (n *nic) Info() (sim.Info, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return sim.Info{Serial: "S1", BoardSerial: "B1", Versions: []sim.Version{
		{Kind: sim.Fixed, Name: "board.id", Value: "p4nic"},
		{Kind: sim.Running, Name: "fw.app", Value: n.running, Component: true},
		{Kind: sim.Stored, Name: "fw.app", Value: n.stored, Component: true},
	}}, nil
}

func (n *nic) Ports() []sim.Port {
	return []sim.Port{
		{Index: 1, Number: 1, Lanes: 4, Ifindex: 7, Ifname: "p4p1"},
		{Index: 2, Number: 2, Lanes: 4, Ifindex: 8, Ifname: "p4p2"},
	}
}

func (n *nic) Flash(ctx context.Context, p sim.FlashParams, status func(sim.FlashStatus) error) error {
	if err := status(sim.FlashStatus{Message: "Preparing to flash", Component: p.Component}); err != nil {
		return err
	}
	if n.release != nil {
		select {
		case <-n.release:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for done := uint64(0); done <= 100; done += 10 {
		err := status(sim.FlashStatus{Message: "Flashing", Component: p.Component, Done: done, Total: 100})
		if err != nil {
			return err
		}
	}
	n.mu.Lock()
	n.stored = string(p.Image)
	n.mu.Unlock()
	return status(sim.FlashStatus{Message: "Select", Component: p.Component, Timeout: 81})
}

func (n *nic) ReloadActions() ([]sim.ReloadAction, []sim.ReloadLimit) {
	return []sim.ReloadAction{sim.DriverReinit, sim.FwActivate}, []sim.ReloadLimit{sim.LimitNoReset}
}

func (n *nic) Reload(_ context.Context, a sim.ReloadAction, _ sim.ReloadLimit) ([]sim.ReloadAction, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.running = n.stored
	return []sim.ReloadAction{a}, nil
}

func (n *nic) DpipeHeaders() []sim.DpipeHeader {
	return []sim.DpipeHeader{
		{ID: 1, Name: "ipv4", Global: true, Fields: []sim.DpipeField{{Name: "destination ip", Width: 32}}},
		{ID: 1, Name: "meta", Fields: []sim.DpipeField{
			{Name: "port", Width: 9, Mapping: 1}, {Name: "action", Width: 8},
		}},
	}
}

func (n *nic) DpipeTables() []sim.DpipeTable {
	dst := sim.DpipeFieldRef{Header: 1, Global: true}
	port := sim.DpipeFieldRef{Header: 1}
	return []sim.DpipeTable{
		{Name: "route", Size: 1024, Matches: []sim.DpipeFieldRef{dst}, Actions: []sim.DpipeFieldRef{port},
			Resource: 2, Units: 3, Counters: true},
		{Name: "drop", Size: 8, Matches: []sim.DpipeFieldRef{port}, NoEntries: true},
	}
}

func (n *nic) DpipeEntries(_ string, counters bool) ([]sim.DpipeEntry, error) {
	ifindex := uint32(7)
	var out []sim.DpipeEntry
	for i := range n.entries {
		e := sim.DpipeEntry{
			Index:   uint64(i),
			Matches: []sim.DpipeValue{{Field: sim.DpipeFieldRef{Header: 1, Global: true}, Value: []byte{10, 0, byte(i >> 8), byte(i)}, Mask: []byte{255, 255, 255, 255}}},
			Actions: []sim.DpipeValue{{Field: sim.DpipeFieldRef{Header: 1}, Value: []byte{1, 0}, Mapping: &ifindex}},
		}
		if counters {
			hits := uint64(i * 2)
			e.Counter = &hits
		}
		out = append(out, e)
	}
	return out, nil
}

func (n *nic) Resources() []sim.Resource {
	return []sim.Resource{{ID: 1, Name: "memory", Size: 4096, Max: 8192, Children: []sim.Resource{
		{ID: 2, Name: "tcam", Size: 1024, Max: 2048, Granularity: 16, Occupancy: func() uint64 { return uint64(n.entries) }},
	}}}
}

func (n *nic) SetResourceSize(uint64, uint64) bool { return true }

func (n *nic) Regions() []sim.Region {
	return []sim.Region{
		{Name: "p4-pipeline", Size: uint64(len(n.region)), MaxSnapshots: 2,
			Snapshot: func() ([]byte, error) { return bytes.Clone(n.region), nil },
			Read: func(offset uint64, p []byte) error {
				copy(p, n.region[offset:])
				return nil
			}},
		{Name: "dump-only", Size: 16, MaxSnapshots: 1},
	}
}

func (n *nic) Params() []sim.Param {
	return []sim.Param{
		{Name: "fw_load_policy", Generic: true, Type: sim.ParamU8, Values: map[sim.CMode]any{sim.CModePermanent: uint8(2)}},
		{Name: "enable_p4", Type: sim.ParamBool, Values: map[sim.CMode]any{
			sim.CModeRuntime: true, sim.CModeDriverinit: false}},
		{Name: "label", Type: sim.ParamString, Values: map[sim.CMode]any{sim.CModeRuntime: "p4"}},
	}
}

func (n *nic) SetParam(string, sim.CMode, any) error { return nil }

func (n *nic) Reporters() []sim.Reporter {
	return []sim.Reporter{
		{Name: "pipeline", Diagnose: func(f *sim.Fmsg) error {
			f.Pair("state", "up")
			f.ArrayPair("tables", func() {
				for i := range 200 { // more than one message holds
					f.Object(func() {
						f.Pair("name", fmt.Sprintf("table number %d", i))
						f.Pair("size", uint32(i))
					})
				}
			})
			f.Pair("ok", true)
			return nil
		}, Dump: func(f *sim.Fmsg) error {
			f.ObjectPair("registers", func() { f.Pair("pc", uint64(1)<<40) })
			return nil
		}, Recover: func() error { return nil }, Test: func() error { return nil }},
		{Name: "bare"},
	}
}

func (n *nic) Traps() []sim.Trap {
	return []sim.Trap{
		{Name: "ttl_value_is_too_small", Group: "l3_exceptions", Generic: true, Type: 1, Action: 1, InPort: true,
			Packets: 3, Bytes: 300},
		{Name: "p4_miss", Group: "p4", Type: 0, Action: 0},
	}
}

func (n *nic) SetTrap(string, uint8) error { return nil }

// newKernel returns a simulated kernel with the device and two files.
func newKernel(n *nic) *sim.Kernel {
	k := sim.New(sim.Options{
		Firmware: func(name string) ([]byte, error) {
			if name != "p4dev/l3.p4fw" {
				return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
			}
			return []byte("2.0"), nil
		},
		Now: func() time.Time { return time.Unix(1000, 5) },
	})
	if err := errors.Join(k.Register(n), k.Register(other{})); err != nil {
		panic(err)
	}
	return k
}

// other is a second device, which can do nothing.
type other struct{}

func (other) Handle() (string, string) { return "platform", "other" }
func (other) Driver() string           { return "" }

// direct returns a client of k in this process.
func direct(k *sim.Kernel, options ...devlink.Option) *devlink.Client {
	return devlink.New(func(context.Context) (devlink.Endpoint, error) { return k.Dial(), nil }, options...)
}
