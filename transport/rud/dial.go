package rud

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"meshpresence/internal/key"
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

	// Ticket, when it is ours to open, makes the connection; it names the
	// responder's key and Pin is not looked at.
	Ticket *handshake.Ticket

	// Early, with Pin.Key or Ticket, is the payload of the first packet: a Heartbeat, an
	// EndpointRequest or a Resolve. Its answer comes as a Message with Early
	// set, right after Opened; when the first packet was not answered like
	// that, Early is sent as a frame then, and the answer comes as any Message.
	// The owner need not send it again. It may run more than once there: a new
	// first packet is made when one goes unanswered. At most 8,048 bytes; what
	// does not fit a first packet travels in Data.
	Early []byte

	// FirstContact asks for First Contact although the key is known.
	FirstContact bool
}

// Format writes the address, for every verb and flag: a Target may hold a ticket,
// and what is said in confidence.
func (to Target) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "target %v by %v", to.To, to.mode())
}

// Dial starts a connection: first packets leave until the responder answers or
// Close is called, however long that takes. Frames may be queued at once.
func (e *Endpoint) Dial(now time.Time, to Target) (*Conn, error) {
	t := e.begin(now)
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

	early []byte // Target.Early, a copy

	// What left that a ResponderComplete answers, to measure the path by.
	exchanges, completes asked
}

// asked is packets of one type that left: how many, and the last one when. One
// alone measures the path.
type asked struct {
	count int
	at    time.Duration
}

// mode returns the one that a dial begins with.
func (to *Target) mode() handshake.Mode {
	switch {
	case to.Ticket != nil:
		return handshake.Ticketed
	case to.Pin.Key != "" && !to.FirstContact:
		return handshake.Immediate
	}
	return handshake.FirstContact
}

// suite returns the one that a dial speaks. "From a fingerprint alone the curve is
// X25519; X448 needs a known card."
func (to *Target) suite() wire.Suite {
	switch {
	case to.Suite != 0:
		return to.Suite
	case to.Ticket != nil:
		return handshake.Preferred(to.Ticket.Responder.Curve())
	case to.Pin.Key != "":
		return handshake.Preferred(to.Pin.Key.Curve())
	}
	return handshake.Preferred(key.X25519)
}

// check refuses what cannot be dialled with these keys.
func (to *Target) check(cfg *Config) error {
	suite := to.suite()
	static := cfg.static(handshake.CurveOf(suite))
	switch {
	case !to.To.IsValid():
		return errors.New("no address")
	case !handshake.Offered(suite):
		return fmt.Errorf("suite %v is not spoken", suite)
	case static == nil:
		return fmt.Errorf("no static key for suite %v", suite)
	case to.Ticket != nil && !to.Ticket.Opens(static.Public()):
		return errors.New("the ticket is not ours to open")
	case len(to.Early) > wire.MaxPieces*payloadSmall:
		return ErrTooLarge
	}
	return nil
}

// firstPayload returns how much of Early the first packet holds.
func firstPayload(suite wire.Suite, mode handshake.Mode) int {
	switch mode {
	case handshake.Immediate:
		return handshake.MaxFirstPayload(suite, wire.MaxPacket)
	case handshake.Ticketed:
		return handshake.MaxFirstPayload(suite, wire.SmallPacket)
	}
	return 0
}

// newDial starts a handshake; drive sends its first packet.
func (e *Endpoint) newDial(to Target) (*Conn, error) {
	if err := to.check(&e.cfg); err != nil {
		return nil, err
	}
	suite, mode := to.suite(), to.mode()
	d := &dialling{early: bytes.Clone(to.Early)}
	cfg := handshake.InitiatorConfig{
		Mode: mode, Suite: suite, Static: e.cfg.static(handshake.CurveOf(suite)), Pin: to.Pin, Ticket: to.Ticket,
		Taken: e.taken, Rand: e.cfg.Rand, Wall: e.cfg.Wall,
		Extensions: []wire.Extension{{Tag: wire.TagStreamClient, Value: []byte(wire.Protocol)}},
	}
	if len(d.early) <= firstPayload(suite, mode) {
		cfg.Payload = d.early
	}
	var err error
	if d.machine, err = handshake.NewInitiator(e.now, cfg); err != nil {
		return nil, err
	}
	c := &Conn{e: e, initiator: true, announced: true, size: wire.SmallPacket, dial: d}
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
		switch kind, _ := wire.FirstType(p); kind {
		case wire.TypeComplete:
			d.completes = asked{d.completes.count + 1, now}
		case wire.TypeExchange:
			d.exchanges = asked{d.exchanges.count + 1, now}
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
	if c.phase != phaseDialling {
		return // Pin.Accept closed it
	}
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
	c.e.stats.Opened[c.mode]++
	answered := d.completes
	if c.mode == handshake.Immediate || c.mode == handshake.Ticketed {
		answered = d.exchanges
	}
	if answered.count == 1 {
		c.rtt.sample(now - answered.at)
	}
	c.planRaise(now)
	if len(d.early) > 0 && len(r.Payload) == 0 {
		c.main.outbox.add(&c.e.buffers, d.early, wire.FlagFinal) // one more than Send would take
	}
	c.e.cfg.Handler.Opened(c.e.now, c)
	if c.phase == phaseOpen && len(d.early) > 0 && len(r.Payload) > 0 {
		c.e.cfg.Handler.Message(c.e.now, c, Message{
			Payload: r.Payload, From: c.paths.current, Final: true, Early: true, Stream: &c.main,
		})
	}
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
