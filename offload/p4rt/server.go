package p4rt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Version is the version of P4Runtime that a Server implements.
const Version = "1.5.0"

// Defaults of a Config.
const (
	// DefaultMaxStreams is the most stream channels that a Server keeps open.
	DefaultMaxStreams = 64
	// DefaultChunk is the most entities in one message of a Read: with keys of an IPv6 route and a counter, some
	// 50 KiB.
	DefaultChunk = 512
)

// Config is what a Server is made of.
type Config struct {
	DeviceID   uint64 // not 0
	Target     Target
	Logger     *slog.Logger // nil: silent
	MaxStreams int          // 0: DefaultMaxStreams
	Chunk      int          // 0: DefaultChunk
}

// Server serves P4Runtime for one device and the default role. Writes are processed one at a time, so they are
// serialisable; reads run in parallel with each other and never see half a write. All methods may be called by
// any number of goroutines.
type Server struct {
	p4v1.UnimplementedP4RuntimeServer

	deviceID uint64
	target   Target
	log      *slog.Logger
	chunk    int
	arbiter  *arbiter

	mu       sync.RWMutex // held for a whole write, shared by reads
	pipeline *Pipeline    // guarded by mu; nil: no program yet
	opaque   opaqueStore  // guarded by mu
	sizes    groupSizes   // guarded by mu
}

var _ p4v1.P4RuntimeServer = (*Server)(nil)

// NewServer returns a server without a pipeline: Write and Read answer FAILED_PRECONDITION until SetPipeline.
func NewServer(c Config) (*Server, error) {
	switch {
	case c.DeviceID == 0:
		return nil, errors.New("p4rt: make server: device id is 0")
	case c.Target == nil:
		return nil, errors.New("p4rt: make server: no target")
	}
	s := &Server{deviceID: c.DeviceID, target: c.Target, log: c.Logger, chunk: c.Chunk}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.chunk <= 0 {
		s.chunk = DefaultChunk
	}
	if c.MaxStreams <= 0 {
		c.MaxStreams = DefaultMaxStreams
	}
	s.arbiter = newArbiter(c.DeviceID, c.MaxStreams, s.drain)
	return s, nil
}

// SetPipeline says which program the target now runs, nil for none, after it was changed by other means than
// P4Runtime. It waits for calls in progress. What clients attached to entries (metadata) is forgotten.
func (s *Server) SetPipeline(p *Pipeline) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pipeline = p
	s.opaque, s.sizes = opaqueStore{}, groupSizes{}
}

// drain returns when no write is in progress.
func (s *Server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

// Capabilities implements P4Runtime: the version, for this device or none in particular.
func (s *Server) Capabilities(_ context.Context, r *p4v1.CapabilitiesRequest) (*p4v1.CapabilitiesResponse, error) {
	if r.GetDeviceId() != 0 {
		if err := s.checkDevice(r.GetDeviceId()); err != nil {
			return nil, err
		}
	}
	return &p4v1.CapabilitiesResponse{P4RuntimeApiVersion: Version}, nil
}

// GetForwardingPipelineConfig implements P4Runtime. Config is unset while there is no pipeline.
func (s *Server) GetForwardingPipelineConfig(_ context.Context, r *p4v1.GetForwardingPipelineConfigRequest) (
	*p4v1.GetForwardingPipelineConfigResponse, error) {
	if err := s.checkDevice(r.GetDeviceId()); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	resp := &p4v1.GetForwardingPipelineConfigResponse{}
	if s.pipeline == nil {
		return resp, nil
	}
	resp.Config = &p4v1.ForwardingPipelineConfig{}
	if s.pipeline.Cookie != nil {
		resp.Config.Cookie = &p4v1.ForwardingPipelineConfig_Cookie{Cookie: *s.pipeline.Cookie}
	}
	all := r.GetResponseType() == p4v1.GetForwardingPipelineConfigRequest_ALL
	if all || r.GetResponseType() == p4v1.GetForwardingPipelineConfigRequest_P4INFO_AND_COOKIE {
		resp.Config.P4Info = s.pipeline.Schema.P4Info()
	}
	if all || r.GetResponseType() == p4v1.GetForwardingPipelineConfigRequest_DEVICE_CONFIG_AND_COOKIE {
		resp.Config.P4DeviceConfig = s.pipeline.DeviceConfig
	}
	return resp, nil
}

// SetForwardingPipelineConfig implements P4Runtime for targets that are a Configurer: VERIFY and
// VERIFY_AND_COMMIT. All else is UNIMPLEMENTED.
func (s *Server) SetForwardingPipelineConfig(ctx context.Context, r *p4v1.SetForwardingPipelineConfigRequest) (
	*p4v1.SetForwardingPipelineConfigResponse, error) {
	if err := s.checkClient(r.GetDeviceId(), r.GetRole()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.arbiter.checkPrimary(r.GetElectionId()); err != nil {
		return nil, err
	}
	configurer, ok := s.target.(Configurer)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "the program of this device is loaded by other means")
	}
	if err := s.configure(ctx, configurer, r); err != nil {
		return nil, err
	}
	return &p4v1.SetForwardingPipelineConfigResponse{}, nil
}

func (s *Server) configure(ctx context.Context, c Configurer, r *p4v1.SetForwardingPipelineConfigRequest) error {
	verify := r.GetAction() == p4v1.SetForwardingPipelineConfigRequest_VERIFY
	commit := r.GetAction() == p4v1.SetForwardingPipelineConfigRequest_VERIFY_AND_COMMIT
	switch {
	case r.GetAction() == p4v1.SetForwardingPipelineConfigRequest_UNSPECIFIED:
		return status.Error(codes.InvalidArgument, "action is not set")
	case !verify && !commit:
		return status.Errorf(codes.Unimplemented, "action %v", r.GetAction())
	case r.GetConfig() == nil:
		return status.Error(codes.InvalidArgument, "no config")
	}
	if err := c.Verify(ctx, r.GetConfig()); err != nil {
		return status.Errorf(codes.InvalidArgument, "config cannot be realised: %v", err)
	}
	if verify {
		return nil
	}
	p, err := c.Commit(ctx, r.GetConfig())
	if err != nil {
		return status.Errorf(codes.Internal, "commit config: %v", err)
	}
	s.pipeline, s.opaque, s.sizes = p, opaqueStore{}, groupSizes{}
	return nil
}

// checkClient makes the first check of a Write: the device, then the role, of which there is only the default.
func (s *Server) checkClient(device uint64, role string) error {
	if err := s.checkDevice(device); err != nil {
		return err
	}
	return checkRole(role)
}

func (s *Server) checkDevice(id uint64) error {
	if id != s.deviceID {
		return status.Errorf(codes.NotFound, "device %d is not here, only %d", id, s.deviceID)
	}
	return nil
}

func checkRole(name string) error {
	if name != "" {
		return status.Errorf(codes.NotFound, "role %q: only the default role exists", name)
	}
	return nil
}

// noPipeline is the answer to Read and Write before there is a pipeline.
func noPipeline() error {
	return status.Error(codes.FailedPrecondition, "no forwarding pipeline has been set")
}

// unsupported is the error of one element of a batch that names an entity this server has not got.
func unsupported(what string) error {
	return withCode(codes.Unimplemented, fmt.Errorf("%s: %w", what, errors.ErrUnsupported))
}

// badRequest is the error of one element of a batch that breaks a rule of the specification.
func badRequest(format string, args ...any) error {
	return withCode(codes.InvalidArgument, fmt.Errorf(format, args...))
}
