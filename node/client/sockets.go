package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/udpport"
)

const (
	// maxSockets bounds the sockets open at once: a network that flaps cannot use
	// up the process's files.
	maxSockets = 3
	// oldSocketFor is how long a socket that was left is read on: as long as the
	// node keeps the path that was (rud.md, Paths).
	oldSocketFor = 30 * time.Second
	// proveWithin is how long a socket may go without a packet that opens before
	// another is tried, and proveTrips the same in round trips of the path that was:
	// over a slow one the answer would come when it is left already.
	proveWithin = 2 * time.Second
	proveTrips  = 4
	// reopenEvery is how often it is tried to replace a socket that broke.
	reopenEvery = time.Second
)

// socket is one way to the network.
type socket struct {
	port    Port
	until   time.Time // closed then, unless it is in use; zero while that lives
	proveBy time.Time // another is tried then; zero once a packet opened here
	dead    bool      // reading from it ended
}

// carries reports whether packets to that address can leave here: a socket bound
// to one family is of no use to the other.
func (s *socket) carries(to netip.AddrPort) bool {
	local := s.port.LocalAddr().Addr()
	if local.Is6() && local.IsUnspecified() {
		return true // both families
	}
	return local.Is4() == to.Addr().Unmap().Is4()
}

// inflow is a batch of datagrams with the socket that they came through.
type inflow struct {
	*udpport.Batch
	by *socket
}

// sockets make before they break: one that was left is read for a while longer,
// and taken into use again when the one that came in its place is dead.
//
//	put ----> in use, to be proved --- a packet opens ---> in use
//	             |  nothing in proveWithin, others open
//	             v
//	          the next one is in use, to be proved
//	left ----> read for oldSocketFor ----> closed
type sockets struct {
	list   []*socket     // the one in use first
	by     *socket       // of the packet being received; nil outside
	trip   time.Duration // the longest round trip of what uses them
	reopen time.Time     // the one in use broke: it is replaced then; zero: it did not
}

// put takes a socket into use.
func (s *sockets) put(now time.Time, fresh *socket) {
	if len(s.list) > 0 {
		s.leave(now)
		fresh.proveBy = s.proveBy(now)
	}
	s.list = append([]*socket{fresh}, s.list...)
	for len(s.list) > maxSockets {
		s.drop(len(s.list) - 1)
	}
}

func (s *sockets) proveBy(now time.Time) time.Time {
	return now.Add(max(proveWithin, proveTrips*s.trip))
}

// leave gives the socket in use a time to end. One that was taken into use again and
// proved nothing ends when it was to end before: two that are dead take turns, but
// not for ever.
func (s *sockets) leave(now time.Time) {
	was := s.list[0]
	if was.until.IsZero() {
		was.until = now.Add(oldSocketFor)
	}
	was.proveBy = time.Time{}
}

func (s *sockets) drop(i int) {
	s.list[i].port.Close()
	s.list = append(s.list[:i], s.list[i+1:]...)
}

// advance closes what was left long ago, and reports whether it took another
// socket into use because nothing opened on the one that was. Nothing can while
// nobody is spoken to.
func (s *sockets) advance(now time.Time, spoken bool) (moved bool) {
	use := s.list[0]
	if !use.proveBy.IsZero() && !now.Before(use.proveBy) && len(s.list) > 1 {
		if moved = spoken; moved {
			s.leave(now)
			s.list = append(s.list[1:], use)
		}
		s.list[0].proveBy = s.proveBy(now)
	}
	for i := len(s.list) - 1; i > 0; i-- {
		if o := s.list[i]; o.dead || !now.Before(o.until) {
			s.drop(i)
		}
	}
	return moved
}

// deadline is when advance has something to do, zero for never.
func (s *sockets) deadline() (at time.Time) {
	at = s.reopen
	for i, o := range s.list {
		t := o.until
		if i == 0 && len(s.list) > 1 {
			t = o.proveBy
		}
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// opened notes that the packet just received was from a peer that we share keys
// with: the network behind its socket lives.
func (s *sockets) opened() {
	if s.by == s.list[0] {
		s.by.until, s.by.proveBy = time.Time{}, time.Time{}
	}
}

// to picks the socket that packets to that address leave by: the one in use, unless
// only another carries its family.
func (s *sockets) to(to netip.AddrPort) Port {
	for _, o := range s.list {
		if o.carries(to) {
			return o.port
		}
	}
	return s.list[0].port
}

// reply picks the socket that the packet being received came through.
func (s *sockets) reply(to netip.AddrPort) Port {
	if s.by != nil && !s.by.dead {
		return s.by.port
	}
	return s.to(to)
}

func (s *sockets) flush() (err error) {
	for _, o := range s.list {
		if e := o.port.Flush(); e != nil {
			err = e
		}
	}
	return err
}

func (s *sockets) close() {
	for _, o := range s.list {
		o.port.Close()
	}
}

// take feeds one batch of datagrams to the endpoint.
func (c *Client) take(now time.Time, in inflow) {
	c.sockets.by = in.by
	for i := range in.Messages[:in.N] {
		before := c.fruitless()
		c.ep.Receive(now, in.Messages[i].Addr, in.Messages[i].Data)
		if c.fruitless() == before {
			c.sockets.opened()
		}
	}
	c.sockets.by = nil
}

// fruitless counts the packets received that showed nothing of the peer.
func (c *Client) fruitless() uint64 {
	s := c.ep.Stats()
	n := s.Unknown + s.Dropped + s.Replayed
	for _, dropped := range s.Handshake[handshake.BadLength:] {
		n += dropped
	}
	return n
}

// read hands datagrams to the loop until its socket is closed.
func (c *Client) read(s *socket) {
	defer c.ended.Done()
	for {
		var b *udpport.Batch
		select {
		case b = <-c.empty:
		case <-c.stop:
			return
		}
		if _, err := s.port.ReadBatch(b); err != nil {
			c.empty <- b
			if !errors.Is(err, net.ErrClosed) {
				c.cfg.Log.Warn("reading from the socket", "err", err)
				_ = c.post(context.Background(), func(now time.Time) { c.broken(now, s) })
			}
			return
		}
		select {
		case c.full <- inflow{b, s}:
		case <-c.stop:
			return
		}
	}
}

// Rebind takes a fresh local socket into use, as when the network changed: the
// connection goes on and its node follows once the new path is proved. What still
// arrives at the old one is read for a while, and if nothing comes through the new
// one the device goes back by itself.
func (c *Client) Rebind(ctx context.Context) error {
	port, err := c.cfg.Ports(c.cfg.Listen)
	if err != nil {
		_ = c.post(ctx, c.moved) // the network may have changed behind the old one
		return fmt.Errorf("opening a UDP socket: %w", err)
	}
	done := make(chan struct{})
	err = c.post(ctx, func(now time.Time) {
		c.use(now, port)
		c.moved(now)
		close(done)
	})
	if err != nil {
		port.Close()
		return err
	}
	select {
	case <-done:
		return nil
	case <-c.stop:
		c.ended.Wait() // the loop may have taken the socket, or not
		port.Close()
		return ErrClosed
	}
}

// broken puts a fresh socket in the place of one that cannot be read any more, which
// is closed first: there is no second one at an address that Config.Listen names.
func (c *Client) broken(now time.Time, s *socket) {
	s.dead = true
	s.port.Close()
	if s == c.sockets.list[0] { // else advance closes it
		c.reopen(now)
	}
}

// reopen replaces the socket in use, or tries again later.
func (c *Client) reopen(now time.Time) {
	port, err := c.cfg.Ports(c.cfg.Listen)
	if err != nil {
		c.cfg.Log.Warn("opening a UDP socket", "err", err)
		c.sockets.reopen = now.Add(reopenEvery)
		return
	}
	c.use(now, port)
	c.moved(now)
}

// use takes a socket into use and reads it.
func (c *Client) use(now time.Time, port Port) {
	fresh := &socket{port: port}
	c.sockets.trip, c.sockets.reopen = 0, time.Time{}
	for l := range c.links {
		c.sockets.trip = max(c.sockets.trip, l.conn.RTT())
	}
	c.sockets.put(now, fresh)
	c.ended.Add(1)
	go c.read(fresh)
}

// moved tells every connection that packets leave by another socket now.
func (c *Client) moved(now time.Time) {
	for l := range c.links {
		l.conn.Rebind(now)
	}
}
