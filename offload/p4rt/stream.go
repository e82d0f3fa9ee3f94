package p4rt

import (
	"errors"
	"io"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// StreamChannel implements P4Runtime: arbitration. Packet-out and digest acknowledgements are answered with a
// StreamError of code UNIMPLEMENTED.
func (s *Server) StreamChannel(stream p4v1.P4Runtime_StreamChannelServer) error {
	c := &client{send: make(chan *p4v1.StreamMessageResponse, outbox), slow: make(chan struct{})}
	defer s.arbiter.leave(c)
	received := make(chan error, 1)
	go func() { received <- s.receive(stream, c) }()
	for {
		select {
		case m := <-c.send:
			if err := stream.Send(m); err != nil {
				return err
			}
		case err := <-received:
			return err
		case <-c.slow:
			return status.Error(codes.ResourceExhausted, "client does not read its stream")
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
}

// receive handles a client's messages until it stops; it returns the status of the stream.
func (s *Server) receive(stream p4v1.P4Runtime_StreamChannelServer, c *client) error {
	live := false
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		u := m.GetArbitration()
		switch {
		case u != nil && live:
			err = s.arbiter.update(c, u)
		case u != nil:
			err = s.arbiter.join(c, u)
			live = err == nil
		case !live:
			err = status.Error(codes.FailedPrecondition, "the first message is not a MasterArbitrationUpdate")
		default:
			s.arbiter.refuse(c, m)
		}
		if err != nil {
			return err
		}
	}
}

// refuse answers a stream message that is not handled ("Stream Error Reporting").
func (a *arbiter) refuse(c *client, m *p4v1.StreamMessageRequest) {
	e := &p4v1.StreamError{CanonicalCode: int32(codes.Unimplemented)}
	switch u := m.GetUpdate().(type) {
	case *p4v1.StreamMessageRequest_Packet:
		e.Message = "packet-out is not supported"
		e.Details = &p4v1.StreamError_PacketOut{PacketOut: &p4v1.PacketOutError{}}
	case *p4v1.StreamMessageRequest_DigestAck:
		e.Message = "digests are not supported"
		e.Details = &p4v1.StreamError_DigestListAck{DigestListAck: &p4v1.DigestListAckError{DigestListAck: u.DigestAck}}
	default:
		e.Message = "unknown message"
		e.Details = &p4v1.StreamError_Other{Other: &p4v1.StreamOtherError{}}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c.post(&p4v1.StreamMessageResponse{Update: &p4v1.StreamMessageResponse_Error{Error: e}})
}
