package p4rt

import (
	"cmp"
	"sync"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// outbox is how many messages wait for a client that does not read before its stream is ended.
const outbox = 64

// client is one stream channel that has sent a valid MasterArbitrationUpdate.
type client struct {
	election *p4v1.Uint128 // nil: unset, never primary
	send     chan *p4v1.StreamMessageResponse
	slow     chan struct{} // closed when the outbox overflowed
	dropped  bool
}

// arbiter decides which client is primary for the one device and the default role: the one that is connected
// and has the highest election id ever seen ("Client Arbitration and Controller Replication").
type arbiter struct {
	deviceID uint64
	limit    int
	drain    func() // returns when no write is in progress; called without mu

	change  sync.Mutex // serialises arbitration updates, which may wait for writes
	mu      sync.Mutex // guards what follows
	clients map[*client]bool
	highest *p4v1.Uint128 // nil: there never was a primary
	primary *client
}

func newArbiter(deviceID uint64, limit int, drain func()) *arbiter {
	return &arbiter{deviceID: deviceID, limit: limit, drain: drain, clients: make(map[*client]bool)}
}

// checkPrimary reports whether a write with this election id comes from the primary.
func (a *arbiter) checkPrimary(election *p4v1.Uint128) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if election == nil || a.primary == nil || compareID(election, a.primary.election) != 0 {
		return status.Error(codes.PermissionDenied, "not the primary client")
	}
	return nil
}

// join adds a new client with its first update.
func (a *arbiter) join(c *client, u *p4v1.MasterArbitrationUpdate) error {
	a.change.Lock()
	defer a.change.Unlock()
	if err := a.admit(c, u); err != nil {
		return err
	}
	a.elect(c, u.GetElectionId())
	return nil
}

// admit makes the checks for a newly connected controller, in the specification's order.
func (a *arbiter) admit(c *client, u *p4v1.MasterArbitrationUpdate) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case u.GetDeviceId() != a.deviceID:
		return status.Errorf(codes.NotFound, "device %d is not here, only %d", u.GetDeviceId(), a.deviceID)
	case u.GetRole().GetName() != "":
		return checkRole(u.GetRole().GetName())
	case a.taken(c, u.GetElectionId()):
		return status.Error(codes.InvalidArgument, "election id is in use by another client")
	case u.GetRole().GetConfig() != nil:
		return status.Error(codes.InvalidArgument, "role config is not supported")
	case len(a.clients) >= a.limit:
		return status.Errorf(codes.ResourceExhausted, "%d clients are connected already", len(a.clients))
	}
	c.election = u.GetElectionId()
	a.clients[c] = true
	return nil
}

// update handles a further update of a client that is live.
func (a *arbiter) update(c *client, u *p4v1.MasterArbitrationUpdate) error {
	a.change.Lock()
	defer a.change.Unlock()
	if err := a.readmit(c, u); err != nil {
		return err
	}
	a.elect(c, u.GetElectionId())
	return nil
}

func (a *arbiter) readmit(c *client, u *p4v1.MasterArbitrationUpdate) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case u.GetDeviceId() != a.deviceID:
		return status.Error(codes.FailedPrecondition, "device id changed on a live stream")
	case u.GetRole().GetName() != "":
		return status.Error(codes.FailedPrecondition, "role changed on a live stream")
	case u.GetRole().GetConfig() != nil:
		return status.Error(codes.InvalidArgument, "role config is not supported")
	case a.taken(c, u.GetElectionId()):
		return status.Error(codes.InvalidArgument, "election id is in use by another client")
	}
	return nil
}

// taken reports whether another live client has this election id.
func (a *arbiter) taken(c *client, id *p4v1.Uint128) bool {
	if id == nil {
		return false
	}
	for other := range a.clients {
		if other != c && other.election != nil && compareID(other.election, id) == 0 {
			return true
		}
	}
	return false
}

// elect gives a client its election id and makes it primary or backup. The caller holds change.
func (a *arbiter) elect(c *client, id *p4v1.Uint128) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wasPrimary := a.primary == c
	c.election = id
	if id == nil || a.highest != nil && compareID(id, a.highest) < 0 {
		if wasPrimary {
			a.primary = nil
			a.notifyAll(nil)
			return
		}
		a.notify(c)
		return
	}
	if wasPrimary {
		a.highest = id
		a.notifyAll(nil)
		return
	}
	a.replace(c, id)
}

// replace makes c the primary: the previous one is shut out, the others are told, writes in progress end, and
// then c may write. Called with mu held, which it lets go of while it waits.
func (a *arbiter) replace(c *client, id *p4v1.Uint128) {
	a.primary = nil
	a.highest = id
	successor := c
	a.notifyOthers(successor)
	a.mu.Unlock()
	a.drain()
	a.mu.Lock()
	if a.clients[c] {
		a.primary = c
		a.notify(c)
	}
}

// leave removes a client whose stream has ended.
func (a *arbiter) leave(c *client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.clients, c)
	if a.primary == c {
		a.primary = nil
		a.notifyAll(nil)
	}
}

// notifyAll sends the advisory message to every client but except.
func (a *arbiter) notifyAll(except *client) {
	for c := range a.clients {
		if c != except {
			a.notify(c)
		}
	}
}

// notifyOthers tells every client but the successor that there is a primary, and that they are not it.
func (a *arbiter) notifyOthers(successor *client) {
	for c := range a.clients {
		if c != successor {
			c.post(a.advisory(codes.AlreadyExists))
		}
	}
}

// notify sends a client the advisory message that fits it.
func (a *arbiter) notify(c *client) {
	switch a.primary {
	case nil:
		c.post(a.advisory(codes.NotFound))
	case c:
		c.post(a.advisory(codes.OK))
	default:
		c.post(a.advisory(codes.AlreadyExists))
	}
}

// advisory follows "Client Arbitration Notifications".
func (a *arbiter) advisory(code codes.Code) *p4v1.StreamMessageResponse {
	text := map[codes.Code]string{
		codes.OK: "primary", codes.AlreadyExists: "backup", codes.NotFound: "backup, and there is no primary"}[code]
	return &p4v1.StreamMessageResponse{Update: &p4v1.StreamMessageResponse_Arbitration{
		Arbitration: &p4v1.MasterArbitrationUpdate{
			DeviceId:   a.deviceID,
			ElectionId: a.highest,
			Status:     &rpcstatus.Status{Code: int32(code), Message: text},
		}}}
}

// post queues a message. A client that does not read its messages is dropped rather than waited for. Called
// with the arbiter's mu held.
func (c *client) post(m *p4v1.StreamMessageResponse) {
	if c.dropped {
		return
	}
	select {
	case c.send <- m:
	default:
		c.dropped = true
		close(c.slow)
	}
}

// compareID compares election ids, unsigned numbers of 128 bits.
func compareID(a, b *p4v1.Uint128) int {
	if c := cmp.Compare(a.GetHigh(), b.GetHigh()); c != 0 {
		return c
	}
	return cmp.Compare(a.GetLow(), b.GetLow())
}
