package rud

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"meshpresence/internal/limit"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// Endpoint is all connections of one UDP port: packets and times in, packets and
// calls of the Handler out. One loop owns it; it is not safe for concurrent use.
//
// The owner gives Receive every datagram, and calls Advance when Deadline has
// come. now is monotonic and never goes back. One that listens begins with a call
// of Advance: for two minutes from the first call on Exchanges get Challenges.
type Endpoint struct {
	cfg   Config
	start time.Time // all times inside are since then; zero before the first call
	now   time.Time // of the call that is under way

	source netip.AddrPort // of the packet being received; none outside Receive

	// Finding the stream: the first 8 bytes decide everything.
	streams map[uint64]*Stream // by our data id
	dials   map[uint64]*Conn   // by our handshake ids
	conns   int                // with a data id

	gate    gate
	timers  timers
	scratch scratch
	buffers buffers
	stats   Stats
	list    [1]wire.Extension // of the packet being made
	entries []byte            // of the list being made
	oneTime oneTimeKey
}

// Stats counts what an Endpoint did since it began.
type Stats struct {
	Received  uint64                     // datagrams
	Sent      uint64                     // datagrams
	Unknown   uint64                     // for no id of ours, or too short for one
	Dropped   uint64                     // for an id of ours, and not opened
	Replayed  uint64                     // opened before
	Resent    uint64                     // frame packets sent again
	Needless  uint64                     // of them, those whose first copy arrived
	Rolled    uint64                     // changes of a connection's keys
	Resets    uint64                     // connections that a reset ended
	Handshake [handshake.Outcomes]uint64 // packets of handshakes by outcome
	Opened    [modes]uint64              // connections by handshake.Mode
}

const modes = int(handshake.Ticketed) + 1

// NewEndpoint returns an Endpoint without connections.
func NewEndpoint(cfg Config) (*Endpoint, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("make RUD endpoint: %w", err)
	}
	e := &Endpoint{
		cfg:     cfg,
		streams: make(map[uint64]*Stream),
		dials:   make(map[uint64]*Conn),
	}
	e.gate.init()
	return e, nil
}

// begin starts a call: it returns now as the time since the start, never 0.
func (e *Endpoint) begin(now time.Time) time.Duration {
	if e.start.IsZero() {
		e.start = now.Add(-time.Second)
		e.now = now
		e.listen()
	}
	e.now = now
	return now.Sub(e.start)
}

// Receive takes one datagram. The packet is lent until Receive returns and is not
// changed. Rubbish costs no allocation and gets no answer.
func (e *Endpoint) Receive(now time.Time, from netip.AddrPort, packet []byte) {
	t := e.begin(now)
	e.stats.Received++
	if len(packet) < wire.SizeID {
		e.stats.Unknown++
		return
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	e.source = from
	e.find(t, from, packet)
	e.source = netip.AddrPort{}
}

// find gives a packet to what its first bytes name.
func (e *Endpoint) find(t time.Duration, from netip.AddrPort, packet []byte) {
	id := binary.BigEndian.Uint64(packet)
	if s := e.streams[id]; s != nil {
		s.receive(t, from, packet, wire.SizeID, 0)
		return
	}
	switch {
	case id == 0:
		e.knock(t, from, packet)
	case e.dials[id] != nil:
		e.dials[id].onAnswer(t, packet)
	case e.gate.byID[id] != nil:
		e.prove(t, from, e.gate.byID[id], packet)
	default:
		e.blindly(t, from, packet)
	}
}

// blindly takes a packet whose first bytes are nobody's: a one-time id, if any are
// out, or a stranger's.
func (e *Endpoint) blindly(now time.Duration, from netip.AddrPort, packet []byte) {
	if e.oneTime.out > 0 && len(packet) >= wire.MinData+wire.SizeOneTimeID-wire.SizeID {
		if s, counter := e.reveal(packet); s != nil {
			s.receive(now, from, packet, wire.SizeOneTimeID, counter)
			return
		}
	}
	e.stats.Unknown++
}

// Advance does everything whose time has come.
func (e *Endpoint) Advance(now time.Time) {
	t := e.begin(now)
	e.gate.advance(now, t)
	// Each connection once: one whose next deadline has come already, too, is
	// for the next call.
	for n := len(e.timers); n > 0; n-- {
		c := e.timers.first()
		if c == nil || c.deadline > t {
			return
		}
		c.advance(t)
	}
}

// Deadline returns when Advance has something to do, zero for never.
func (e *Endpoint) Deadline() time.Time {
	at := e.gate.deadline()
	if p := e.gate.oldest(); p != nil {
		at = sooner(at, e.start.Add(p.born+provisionalFor))
	}
	if c := e.timers.first(); c != nil {
		at = sooner(at, e.start.Add(c.deadline))
	}
	return at
}

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// SetCard changes the hash of the node card that new Challenges show, within two
// minutes.
func (e *Endpoint) SetCard(card [wire.SizeHash]byte) {
	e.cfg.CardHash = card
	if e.gate.responder != nil {
		e.gate.responder.SetCard(card)
	}
}

// Len returns the number of connections, provisional ones and dials included.
func (e *Endpoint) Len() int { return e.conns + len(e.gate.byRequest) + e.gate.dialling }

// Stats returns the counters.
func (e *Endpoint) Stats() Stats { return e.stats }

// Format writes how many connections there are, for every verb and flag: what an
// Endpoint holds is secret.
func (e *Endpoint) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "RUD endpoint with %d connections", e.Len())
}

// send puts one packet on the wire.
func (e *Endpoint) send(to netip.AddrPort, packet []byte) {
	e.stats.Sent++
	e.cfg.Send(to, packet)
}

// reply is send by the socket that the packet being received came through.
func (e *Endpoint) reply(to netip.AddrPort, packet []byte) {
	if e.cfg.Reply == nil {
		e.send(to, packet)
		return
	}
	e.stats.Sent++
	e.cfg.Reply(to, packet)
}

// draw fills b with randomness.
func (e *Endpoint) draw(b []byte) error {
	r := e.cfg.Rand
	if r == nil {
		r = rand.Reader
	}
	_, err := io.ReadFull(r, b)
	return err
}

// taken reports whether the id is in use here.
func (e *Endpoint) taken(id wire.ID) bool {
	n := binary.BigEndian.Uint64(id[:])
	return e.streams[n] != nil || e.dials[n] != nil || e.gate.byID[n] != nil
}

// prefix is what limits by address count by.
func prefix(a netip.AddrPort) limit.Key { return limit.Prefix(a.Addr()) }
