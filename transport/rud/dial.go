package rud

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// Target is whom to dial and what is known of it.
type Target struct {
	To netip.AddrPort

	// Pin says what is known of the responder's key.
	Pin handshake.Pin

	// Suite is the one to speak; 0 is the best for the pinned key here.
	Suite wire.Suite

	// Early, with Pin.Key, is the payload of the first packet: a Heartbeat, an
	// EndpointRequest or a Resolve. Its answer comes as a Message with Early
	// set, right after Opened; when the first packet was not answered like
	// that, Early is sent as the first frame. At most once it runs there, and
	// the owner need not send it again.
	Early []byte

	// FirstContact asks for First Contact although the key is known.
	FirstContact bool
}

// Dial starts a connection: first packets leave until the responder answers or
// Close is called, however long that takes. Frames may be queued at once.
func (e *Endpoint) Dial(now time.Time, to Target) (*Conn, error) {
	t := e.begin(now)
	if !to.To.IsValid() {
		return nil, fmt.Errorf("dial: no address")
	}
	c, err := e.newDial(to)
	if err != nil {
		return nil, fmt.Errorf("dial %v: %w", to.To, err)
	}
	c.drive(t)
	return c, nil
}

// dialling is what a connection has until the responder completes it.
type dialling struct {
	machine *handshake.Initiator
	ids     [2]wire.ID // of handshakes, as they stand in Endpoint.dials

	// The one Complete that left, to measure the path by; more than one
	// measures nothing.
	completes int
	at        time.Duration
}

// newDial starts a handshake; drive sends its first packet.
func (e *Endpoint) newDial(to Target) (*Conn, error) {
	m, err := handshake.NewInitiator(e.now, handshake.InitiatorConfig{
		Static: e.cfg.Static, Pin: to.Pin, Taken: e.taken, Rand: e.cfg.Rand,
		Extensions: []wire.Extension{{Tag: wire.TagStreamClient, Value: []byte(wire.Protocol)}},
	})
	if err != nil {
		return nil, err
	}
	c := &Conn{e: e, initiator: true, announced: true, size: wire.SmallPacket, dial: &dialling{machine: m}}
	c.main.c = c
	c.paths.current = netip.AddrPortFrom(to.To.Addr().Unmap(), to.To.Port())
	e.gate.dialling++
	return c, nil
}

// drive sends what the handshake has to send now.
func (c *Conn) drive(now time.Duration) {
	d := c.dial
	for {
		p := d.machine.Next(c.e.now)
		if p == nil {
			break
		}
		if kind, _ := wire.FirstType(p); kind == wire.TypeComplete {
			d.completes++
			d.at = now
		}
		c.e.send(c.paths.current, p)
	}
	c.listenDial()
	c.e.timers.set(c, d.machine.Deadline().Sub(c.e.start))
}

// listenDial makes Endpoint.dials agree with the handshake's ids.
func (c *Conn) listenDial() {
	d := c.dial
	var ids [2]wire.ID
	ids[0], ids[1] = d.machine.IDs()
	if ids == d.ids {
		return
	}
	c.unlistenDial()
	d.ids = ids
	for _, id := range ids {
		if !id.IsZero() {
			c.e.dials[binary.BigEndian.Uint64(id[:])] = c
		}
	}
}

func (c *Conn) unlistenDial() {
	for _, id := range c.dial.ids {
		delete(c.e.dials, binary.BigEndian.Uint64(id[:]))
	}
}

// onAnswer takes a packet for one of the handshake's ids.
func (c *Conn) onAnswer(now time.Duration, packet []byte) {
	d := c.dial
	result, o := d.machine.Receive(c.e.now, packet)
	c.e.stats.Handshake[o]++
	switch o {
	case handshake.Accepted:
		c.drive(now)
	case handshake.Completed:
		c.complete(now, result)
	}
}

// complete opens a dialled connection. "On ResponderComplete the initiator sends
// Data at once: a frame, empty if it has nothing to say, retransmitted as any
// frame."
func (c *Conn) complete(now time.Duration, r *handshake.Result) {
	d := c.dial
	c.leaveDial()
	if c.establish(r) != nil {
		c.end(now, ReasonClosed) // no ciphers: cannot be
		return
	}
	c.phase = phaseOpen
	c.born = now
	if d.completes == 1 {
		c.rtt.sample(now - d.at)
	}
	c.planRaise(now)
	c.e.cfg.Handler.Opened(c.e.now, c)
	if c.phase != phaseOpen {
		return
	}
	if c.main.outbox.next == 0 {
		c.main.outbox.add(&c.e.buffers, nil, wire.FlagFinal)
	}
	c.flush(now)
}

// leaveDial ends the dialling state.
func (c *Conn) leaveDial() {
	c.unlistenDial()
	c.dial = nil
	c.e.gate.dialling--
}
