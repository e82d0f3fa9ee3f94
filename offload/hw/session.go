package hw

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	configv1 "github.com/p4lang/p4runtime/go/p4/config/v1"
	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/offload/p4rt"
)

// Errors of a Target beside those of firmware/pipeline.
var (
	// ErrUnreachable reports that the agent does not answer.
	ErrUnreachable = errors.New("device agent does not answer")
	// ErrNotPrimary reports that another client of the agent has a higher election id.
	ErrNotPrimary = errors.New("another controller is primary at the device agent")
	// ErrNoPipeline reports that the agent has no program.
	ErrNoPipeline = errors.New("device agent has no program")
)

// Defaults of a Config.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultBatch    = 1024
	DefaultDeviceID = 1
)

// AgentAddress returns where a device's agent listens by default: RUN/agent/BUS-DEV.sock. Slashes in the device's
// name become dashes.
func AgentAddress(run string, h devlink.Handle) string {
	name := h.Bus + "-" + strings.ReplaceAll(h.Dev, "/", "-") + ".sock"
	return "unix:" + filepath.Join(run, "agent", name)
}

// session is the connection to an agent: one stream channel on which this client is primary. It is made anew when
// it was lost.
type session struct {
	config Config
	conn   *grpc.ClientConn
	client p4v1.P4RuntimeClient

	mu       sync.Mutex // guards what follows
	election *p4v1.Uint128
	lost     chan struct{} // closed when the stream has ended; nil: there is none
	end      context.CancelFunc
}

func newSession(c Config) (*session, error) {
	conn, err := grpc.NewClient(c.Address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(p4rt.MaxMessage)),
		grpc.WithMaxHeaderListSize(uint32(8192+512*c.Batch)))
	if err != nil {
		return nil, err
	}
	return &session{config: c, conn: conn, client: p4v1.NewP4RuntimeClient(conn)}, nil
}

func (s *session) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return s.conn.Close()
}

// drop ends the stream, if there is one. Called with mu held.
func (s *session) drop() {
	if s.end != nil {
		s.end()
	}
	s.end, s.lost = nil, nil
}

// primary returns the election id of this client, which it makes primary first if it is not.
func (s *session) primary(ctx context.Context) (*p4v1.Uint128, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		select {
		case <-s.lost:
			s.drop()
		default:
			return s.election, nil
		}
	}
	if err := s.arbitrate(ctx); err != nil {
		s.drop()
		return nil, err
	}
	return s.election, nil
}

// arbitrate opens a stream channel and becomes primary. The time is the election id, so that the process that
// came last wins.
func (s *session) arbitrate(ctx context.Context) error {
	s.election = s.config.ElectionID
	if s.election == nil {
		s.election = &p4v1.Uint128{Low: uint64(time.Now().UnixNano())}
	}
	life, end := context.WithCancel(context.Background())
	s.end = end
	stop := context.AfterFunc(ctx, end)
	defer stop()
	stream, err := s.client.StreamChannel(life)
	if err != nil {
		return unreachable(s.config.Address, err)
	}
	update := &p4v1.MasterArbitrationUpdate{DeviceId: s.config.DeviceID, ElectionId: s.election}
	err = stream.Send(&p4v1.StreamMessageRequest{Update: &p4v1.StreamMessageRequest_Arbitration{Arbitration: update}})
	if err != nil {
		_, err = stream.Recv() // has the stream's status
		return unreachable(s.config.Address, err)
	}
	if err := s.await(stream); err != nil {
		return err
	}
	lost := make(chan struct{})
	s.lost = lost
	go watch(stream, lost)
	return nil
}

// await receives messages until the agent has decided.
func (s *session) await(stream p4v1.P4Runtime_StreamChannelClient) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return unreachable(s.config.Address, err)
		}
		a := m.GetArbitration()
		switch {
		case a == nil:
			continue
		case a.GetStatus().GetCode() == int32(codes.OK):
			return nil
		case a.GetElectionId() != nil && sameElection(a.GetElectionId(), s.election):
			continue // the agent lets writes of the former primary end
		}
		return fmt.Errorf("%w: its election id is %#x:%#x", ErrNotPrimary, a.GetElectionId().GetHigh(), a.GetElectionId().GetLow())
	}
}

func sameElection(a, b *p4v1.Uint128) bool {
	return a.GetHigh() == b.GetHigh() && a.GetLow() == b.GetLow()
}

// watch closes lost when the stream ends or this client is no longer primary.
func watch(stream p4v1.P4Runtime_StreamChannelClient, lost chan struct{}) {
	defer close(lost)
	for {
		m, err := stream.Recv()
		if err != nil {
			return
		}
		if a := m.GetArbitration(); a != nil && a.GetStatus().GetCode() != int32(codes.OK) {
			return
		}
	}
}

// unreachable wraps an error of the connection.
func unreachable(address string, err error) error {
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, address, err)
}

// info asks the agent for its P4Info; ErrNoPipeline where it has no program.
func (s *session) info(ctx context.Context) (*configv1.P4Info, error) {
	resp, err := s.client.GetForwardingPipelineConfig(ctx, &p4v1.GetForwardingPipelineConfigRequest{
		DeviceId: s.config.DeviceID, ResponseType: p4v1.GetForwardingPipelineConfigRequest_P4INFO_AND_COOKIE})
	if err != nil {
		return nil, unreachable(s.config.Address, err)
	}
	if resp.GetConfig().GetP4Info() == nil {
		return nil, ErrNoPipeline
	}
	return resp.GetConfig().GetP4Info(), nil
}
