package rud

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// phase is where a connection stands.
//
//	Dial ----> dialling ---------- ResponderComplete ----> open
//	Complete or Exchange -> provisional -- first Data opens --> open
//	any ----> closed
type phase byte

const (
	phaseDialling phase = iota
	phaseProvisional
	phaseOpen
	phaseClosed
)

var phaseNames = [...]string{"dialling", "provisional", "open", "closed"}

// String returns the phase in words.
func (p phase) String() string { return phaseNames[p] }

// Conn is one connection to one peer: one secret, its paths, and streams. It belongs to
// its Endpoint's loop. Times inside are since the Endpoint's start, 0 is never.
type Conn struct {
	// App is the owner's: the engine never looks at it.
	App any

	e         *Endpoint
	phase     phase
	initiator bool
	announced bool // the Handler knows of it
	born      time.Duration

	mode   handshake.Mode
	suite  wire.Suite
	ticket [wire.SizeTicketID]byte

	peer, mine key.Agreement
	card       [wire.SizeHash]byte
	reset      [wire.SizeResetToken]byte

	dial        *dialling    // while phaseDialling
	provisional *provisional // while phaseProvisional: while its first packet is tried

	failed uint64 // packets that did not open
	main   Stream
	beside *beside // more streams

	// Keys.
	secret key.Secret
	roll   *rolling
	rollAt time.Duration // new keys are wanted then, when it is not an hour

	// The path.
	rtt    roundTrip
	flow   congestion
	paceAt time.Duration // the pace lets the next packet go; 0 when nothing waits for it
	size   int           // of the largest packet that the path carries
	sizing sizing
	paths  paths

	deadline time.Duration // kept by timers
	slot     int
}

// bounds are the limits of one direction.
type bounds struct {
	outstanding int // packets
	wide        int // frames of two or more packets
	frames      int // accepted by Send
	held        int // bytes accepted by Send
	control     int // frames of control not acknowledged

	// Of these, what only the main stream uses.
	mainOutstanding, mainFrames, mainHeld int
}

var (
	toDevice   = bounds{outstandingToDevice, wideToDevice, framesToDevice, heldToDevice, controlToDevice, mainPacketsToDevice, mainFramesToDevice, mainHeldToDevice}
	fromDevice = bounds{outstandingFromDevice, wideFromDevice, framesFromDevice, heldFromDevice, controlFromDevice, mainPacketsFromDevice, mainFramesFromDevice, mainHeldFromDevice}
)

// sending returns the bounds of what we send: the initiator is the device.
func (c *Conn) sending() *bounds {
	if c.initiator {
		return &fromDevice
	}
	return &toDevice
}

// receiving returns the bounds of what the peer sends.
func (c *Conn) receiving() *bounds {
	if c.initiator {
		return &toDevice
	}
	return &fromDevice
}

// establish fills in what a handshake gave and enters c into the table.
func (c *Conn) establish(r *handshake.Result) error {
	var err error
	header, packet := r.ReceiveKeys()
	if c.main.in, err = newProtection(r.Suite, r.MyID, header, packet); err != nil {
		return err
	}
	header, packet = r.SendKeys()
	if c.main.out, err = newProtection(r.Suite, r.PeerID, header, packet); err != nil {
		return err
	}
	c.initiator = r.Initiator
	c.secret = r.Secret
	c.mode, c.suite, c.ticket = r.Mode, r.Suite, r.Ticket
	c.peer, c.mine = r.Peer, r.Mine
	c.card, c.reset = r.Card, r.Reset
	c.main.c = c
	c.main.next = 1
	c.main.rekeyed()
	c.size = r.Size
	c.flow = newCongestion()
	c.e.enter(c)
	return nil
}

// Peer returns the peer's static key: proved once the connection is.
func (c *Conn) Peer() key.Agreement { return c.peer }

// Mine returns the static key that we showed: one made for this connection when
// nothing was known of the peer's.
func (c *Conn) Mine() key.Agreement { return c.mine }

// Mode returns how the connection was made. A responder cannot tell Deferred from
// First Contact, and calls both so.
func (c *Conn) Mode() handshake.Mode { return c.mode }

// Suite returns the curve and AEAD of the connection, 0 while it is dialled.
func (c *Conn) Suite() wire.Suite { return c.suite }

// Ticket returns the id of the ticket that made the connection, zeros for none.
func (c *Conn) Ticket() [wire.SizeTicketID]byte { return c.ticket }

// Card returns the hash of the node card that the responder promised, for the
// initiator to check the card when it arrives.
func (c *Conn) Card() [wire.SizeHash]byte { return c.card }

// Initiator reports whether we dialled.
func (c *Conn) Initiator() bool { return c.initiator }

// Proved reports whether the connection is open: the peer proved its key.
func (c *Conn) Proved() bool { return c.phase == phaseOpen }

// Path returns the newest validated path: where packets go. Of a Dial that is
// not answered it is where Hellos go.
func (c *Conn) Path() netip.AddrPort { return c.paths.current }

// RTT returns the smoothed round trip time of the path in use, 0 when unknown.
func (c *Conn) RTT() time.Duration { return c.rtt.smoothed }

// Loss returns how many frame packets left on the path in use and how many of
// them had to be sent again.
func (c *Conn) Loss() (sent, lost uint64) { return c.paths.sent, c.paths.lost }

// KeyAge returns how old the connection's keys are. At an hour they roll; at two,
// when the peer has not answered, the connection closes.
func (c *Conn) KeyAge(now time.Time) time.Duration {
	if c.phase != phaseOpen {
		return 0
	}
	return now.Sub(c.e.start) - c.born
}

// String names the connection by peer and path, and shows no secret.
func (c *Conn) String() string {
	return fmt.Sprintf("connection to %v at %v, %v", c.peer.UDF(), c.paths.current, c.phase)
}

// Format writes String for every verb and flag: what a Conn holds is secret.
func (c *Conn) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue is String, for slog.
func (c *Conn) LogValue() slog.Value { return slog.StringValue(c.String()) }

// advance does what is due at now.
func (c *Conn) advance(now time.Duration) {
	switch c.phase {
	case phaseDialling:
		c.drive(now)
	case phaseOpen:
		if now-c.born >= maxAge {
			c.end(now, ReasonAged)
			return
		}
		c.onTimers(now)
		if c.phase == phaseOpen {
			c.flush(now)
		}
	}
}

// onTimers runs the timers of an open connection that have come.
func (c *Conn) onTimers(now time.Duration) {
	c.main.onTimers(now)
	for i := 0; i < len(c.others()); i++ { // each may end all
		c.others()[i].onTimers(now)
	}
	if at := c.rollDue(); at != 0 && now >= at && c.phase == phaseOpen {
		c.onRollDue(now)
	}
	if c.phase != phaseOpen {
		return
	}
	if at := c.challengeAt(); at != 0 && now >= at {
		c.challenge(now)
	}
	if at := c.sizing.raise; at != 0 && now >= at {
		c.tryRaise(now)
	}
}

// schedule sets the connection's deadline: the earliest of its timers.
func (c *Conn) schedule() {
	if c.phase != phaseOpen {
		return
	}
	at := c.born + maxAge
	for _, d := range [...]time.Duration{c.main.deadline(), c.rollDue(), c.paceAt, c.challengeAt(), c.sizing.raise} {
		if d != 0 && d < at {
			at = d
		}
	}
	for _, s := range c.others() {
		if d := s.deadline(); d != 0 && d < at {
			at = d
		}
	}
	c.e.timers.set(c, at)
}
