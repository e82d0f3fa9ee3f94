package sim

import (
	"context"
	"errors"
	"syscall"
)

// errFull says that the next message of a dump does not fit into the datagram.
var errFull = errors.New("datagram is full")

// errNoAnswer says that a request is not answered: a dump that has begun answers for itself.
var errNoAnswer = errors.New("no answer")

// dumper fills a datagram with the next messages of a dump. It returns errFull to be called again with an
// empty one, nil after the last message, or what the dump ends with.
type dumper func(ctx context.Context, b *skb) error

// dump is a dump under way on a socket. Its datagrams are made one ahead of the reader, so that what changes
// in between shows, as in the kernel.
type dump struct {
	r     *request
	next  dumper
	count int // datagrams so far
}

// startDump begins a dump and makes its first datagram. A socket has one dump at a time.
func (r *request) startDump(next dumper) error {
	r.s.mu.Lock()
	if r.s.dump != nil {
		r.s.mu.Unlock()
		return syscall.EBUSY
	}
	r.s.dump = &dump{r: r, next: next}
	r.s.mu.Unlock()
	r.s.continueDump()
	return errNoAnswer
}

// continueDump makes the next datagram of the socket's dump, if there is one under way.
func (s *Socket) continueDump() {
	s.dumping.Lock()
	defer s.dumping.Unlock()
	s.mu.Lock()
	d := s.dump
	s.mu.Unlock()
	if d == nil {
		return
	}
	b := newSkb()
	err := d.next(s.ctx, b)
	if !errors.Is(err, errFull) {
		s.mu.Lock()
		s.dump = nil
		s.mu.Unlock()
		d.finish(b, err)
		return
	}
	d.r.post(b.buf)
	d.count++
	if d.count == 1 {
		d.r.vanishMidway()
	}
}

// finish appends the NLMSG_DONE with the dump's result, in a datagram of its own where it does not fit.
func (d *dump) finish(b *skb, err error) {
	done := func(b *skb) {
		var e *Error
		flags := uint16(flagMulti)
		if err != nil {
			e = toError(err)
			if e.Message != "" {
				flags |= flagAckTLVs
			}
		}
		b.message(header{typ: nlmsgDone, flags: flags, seq: d.r.hdr.seq, pid: d.r.s.portID}, func() {
			p := b.grow(4)
			if p != nil && e != nil {
				host.PutUint32(p, uint32(-int32(e.Errno)))
			}
			if e != nil && e.Message != "" {
				d.r.putExtack(b, e)
			}
		})
	}
	mark := b.mark()
	if done(b); b.full {
		b.rollback(mark)
		d.r.post(b.buf)
		b = newSkb()
		done(b)
	}
	d.r.post(b.buf)
}

// item is one message of a dump over devices: command and body.
type item struct {
	cmd  uint8
	body func(b *skb)
}

// overDevices makes a dumper of every device's items, or of one device's where the request names it. A device
// that goes away in between is left out.
func overDevices(r *request, items func(in *instance) ([]item, error)) dumper {
	flags := uint16(flagMulti)
	single := r.attrs.has(attrBusName) || r.attrs.has(attrDevName)
	if single {
		flags |= flagDumpFiltered
	}
	var index uint32
	var at int
	return func(ctx context.Context, b *skb) error {
		for {
			in, err := r.nextDevice(ctx, single, index)
			if in == nil || err != nil {
				return err
			}
			at, err = in.fillItems(r, b, flags, items, at)
			in.unlock()
			if err != nil {
				return err
			}
			at, index = 0, in.index+1
			if single {
				return nil
			}
		}
	}
}

// nextDevice returns the next device of a dump, locked, or nil.
func (r *request) nextDevice(ctx context.Context, single bool, index uint32) (*instance, error) {
	if single {
		return r.k.lookup(ctx, r.attrs)
	}
	for in := r.k.from(index); in != nil; in = r.k.from(in.index + 1) {
		if err := in.lock(ctx); err != nil {
			return nil, err
		}
		if !in.gone {
			return in, nil
		}
		in.unlock()
	}
	return nil, nil
}

// fillItems puts a device's items from the given one on and returns where to go on with errFull. An item that
// does not even fit into an empty datagram ends the dump as it does in the kernel, without an error.
func (in *instance) fillItems(r *request, b *skb, flags uint16, items func(*instance) ([]item, error), at int) (int, error) {
	list, err := items(in)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return at, nil
	}
	if err != nil {
		return at, err
	}
	for ; at < len(list); at++ {
		mark := b.mark()
		b.genl(r.header(flags), list[at].cmd, familyVersion, func() {
			in.putHandle(b)
			list[at].body(b)
		})
		if b.full {
			b.rollback(mark)
			if mark == 0 {
				return at, nil
			}
			return at, errFull
		}
	}
	return at, nil
}
