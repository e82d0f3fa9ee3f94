package simnic

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/offload/p4rt"
)

var _ p4rt.Target = (*Agent)(nil)

// agents are the P4Runtime servers in front of the device, which must know which program it runs.
type agents struct {
	mu      sync.Mutex
	running *program
	servers []*p4rt.Server
}

// ServeAgent serves P4Runtime at an address, as p4rt.Listen reads it ("unix:PATH"), until the context ends. The
// program of the device is loaded by devlink, never by P4Runtime.
func (n *NIC) ServeAgent(ctx context.Context, address string) error {
	l, err := p4rt.Listen(address)
	if err != nil {
		return fmt.Errorf("simnic: serve agent: %w", err)
	}
	s, err := p4rt.NewServer(p4rt.Config{DeviceID: n.cfg.DeviceID, Target: n.Agent(), Logger: n.cfg.Log})
	if err != nil {
		l.Close()
		return fmt.Errorf("simnic: serve agent: %w", err)
	}
	n.agents.add(s, n.cfg.Log)
	defer n.agents.remove(s)
	if err := s.Serve(ctx, l); err != nil {
		return fmt.Errorf("simnic: serve agent: %w", err)
	}
	return nil
}

func (a *agents) add(s *p4rt.Server, log *slog.Logger) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.servers = append(a.servers, s)
	s.SetPipeline(a.running.pipeline(log))
}

func (a *agents) remove(s *p4rt.Server) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.servers = slices.DeleteFunc(a.servers, func(o *p4rt.Server) bool { return o == s })
}

// tell tells the servers of a program. The caller holds no lock of the NIC: calls of the servers that are going
// on may want it.
func (a *agents) tell(p *program, log *slog.Logger) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = p
	for _, s := range a.servers {
		s.SetPipeline(p.pipeline(log))
	}
}

// pipeline is a program as P4Runtime knows it; nil without a program or without P4Info.
func (p *program) pipeline(log *slog.Logger) *p4rt.Pipeline {
	if p == nil || len(p.p4info) == 0 {
		return nil
	}
	info, err := bmv2.ReadP4Info(p.p4info)
	if err != nil {
		log.Error("read P4Info", "program", p.manifest.Name, "error", err)
		return nil
	}
	schema, err := p4rt.NewSchema(p.model, info)
	if err != nil {
		log.Error("make schema", "program", p.manifest.Name, "error", err)
		return nil
	}
	return &p4rt.Pipeline{Schema: schema}
}
