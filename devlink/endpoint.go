package devlink

import "context"

// An Endpoint answers devlink datagrams in the kernel's place, or is the kernel. A Client opens several: one for every
// request under way, one for each [Client.Monitor], and two for a flash update.
//
// A datagram is one or more netlink messages (struct nlmsghdr and payload, aligned to four bytes, host byte order) as
// they pass through a NETLINK_GENERIC socket with NETLINK_EXT_ACK and NETLINK_CAP_ACK set. Numbers of families and
// groups are learned by asking the endpoint itself (CTRL_CMD_GETFAMILY).
type Endpoint interface {
	// Send hands over one request datagram. It may be called while a Recv is waiting.
	Send(datagram []byte) error

	// Recv waits for one reply or multicast datagram, which then belongs to the caller. It returns the context's error
	// when the context ends first, an error matching ErrLost or ENOBUFS when multicast messages were dropped because they were
	// not read fast enough (the endpoint stays usable), and io.EOF when the peer has gone.
	Recv(ctx context.Context) ([]byte, error)

	// Join subscribes to a multicast group by the number that the family reply gave it.
	Join(group uint32) error

	// Close releases the endpoint and ends a waiting Recv.
	Close() error
}

// A lender is an Endpoint for replies of thousands of datagrams, which need not each be copied and watched.
type lender interface {
	// lend calls read with a function that waits for one datagram, which the next one overwrites. Where the end of the
	// context ended a wait, and read returned the error of that, lend returns the context's.
	lend(ctx context.Context, read func(next func() ([]byte, error)) error) error
}

// A DialFunc opens one more Endpoint to the same peer.
type DialFunc func(ctx context.Context) (Endpoint, error)
