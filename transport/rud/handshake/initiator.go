package handshake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/wire"
)

// Times and counts that the specification fixes for the initiator.
const (
	resendFast    = 500 * time.Millisecond // between two tries, +- 10%
	resendFastFor = 15 * time.Second       // since the start, then
	resendSlow    = 5 * time.Second        // between two tries, +- 10%
	completeLife  = 8 * time.Second        // of an unanswered Complete; then a new attempt
	oldLife       = 5 * time.Second        // how long the ids of the attempt before are listened to
	fullTries     = 2                      // unanswered Hellos of 1200 before the ones of 548
)

// maxChallenges is how many Challenges of an attempt get a Complete. Attack:
// whoever sees our Hello can answer it without end, and each answer costs us
// three agreements.
const maxChallenges = 4

// InitiatorConfig is what an Initiator needs.
type InitiatorConfig struct {
	// Mode is FirstContact, Immediate or Ticketed. Immediate needs Pin.Key and
	// Ticketed a Ticket; either becomes Deferred when the responder asks for
	// it, and goes on as First Contact when nobody answers.
	Mode Mode

	// Payload is one message in an Exchange, at most MaxFirstPayload. Result
	// has its answer; when it has none the message is still to be sent. An
	// Exchange of 548 bytes that it does not fit leaves without it.
	Payload []byte

	// Ticket is the one to be redeemed. It names the responder's key: Pin is not
	// looked at. Static must be the key of the side that opens.
	Ticket *Ticket

	Wall wall.Clock // the Exchange's "Unix seconds / 10"

	// Static is our static key. It is shown only to a responder whose key
	// Pin knows or accepts; without it, or with the zero Pin, s_I is a key
	// made for this connection.
	Static *key.Static

	Pin Pin

	// Suite is the one to name; 0 means Preferred of the curve of Pin.Key, and
	// of X25519 without one. X448 needs Pin.Key: "From a fingerprint alone the
	// curve is X25519; X448 needs a known card."
	Suite wire.Suite

	Extensions []wire.Extension   // under the seal of Complete; 16 at most, about 300 bytes
	Size       int                // of the first Hello, 1200 or 548; 0 means 1200
	Taken      func(wire.ID) bool // ids already in use here; nil for none
	Rand       io.Reader          // nil: the system's
}

// Initiator is one First Contact until it has a Result or its owner gives up:
// it never does by itself. The owner sends what Next returns, calls Next again
// at Deadline and after every Receive, and gives Receive the packets that begin
// with an id of IDs. Not safe for concurrent use.
type Initiator struct {
	cfg    InitiatorConfig
	suite  *suite
	static *key.Static // s_I
	expect [wire.SizeExpect]byte
	start  time.Time
	jitter *rand.Rand
	size   int // of Hellos: 548 once those of 1200 went unanswered

	current *attempt // nil when done
	old     *attempt // the one before, while it is listened to
}

// NewInitiator returns an Initiator whose first Hello is due now.
func NewInitiator(now time.Time, cfg InitiatorConfig) (*Initiator, error) {
	cfg.Rand = source(cfg.Rand)
	i := &Initiator{
		cfg:    cfg,
		static: cfg.Static,
		expect: cfg.Pin.expect(),
		start:  now,
		size:   cfg.Size,
	}
	if i.size == 0 {
		i.size = wire.MaxPacket
	}
	if err := i.choose(); err != nil {
		return nil, fmt.Errorf("make initiator: %w", err)
	}
	if err := i.check(); err != nil {
		return nil, fmt.Errorf("make initiator: %w", err)
	}
	var seed [16]byte
	if _, err := io.ReadFull(cfg.Rand, seed[:]); err != nil {
		return nil, fmt.Errorf("make initiator: %w", err)
	}
	i.jitter = rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:]), binary.BigEndian.Uint64(seed[8:])))
	if i.static == nil || !cfg.Pin.Known() && cfg.Pin.Accept == nil {
		var err error
		if i.static, err = i.suite.newKey(cfg.Rand); err != nil {
			return nil, fmt.Errorf("make initiator: %w", err)
		}
	}
	var err error
	if i.current, err = i.newAttempt(now); err != nil {
		return nil, fmt.Errorf("make initiator: %w", err)
	}
	return i, nil
}

// choose settles the suite: the config's, or the one preferred.
func (i *Initiator) choose() error {
	known := key.X25519
	if k := i.cfg.Pin.Key; k != "" {
		known = k.Curve()
	}
	named := i.cfg.Suite
	if named == 0 {
		named = Preferred(known)
	}
	i.suite = findSuite(named)
	switch {
	case i.suite == nil:
		return fmt.Errorf("suite %v: %w", named, errNotOffered)
	case i.suite.curve != known:
		return fmt.Errorf("suite %v for a responder known by %v", named, known)
	}
	return nil
}

// check refuses a config that no handshake can come of.
func (i *Initiator) check() error {
	if i.cfg.Mode != FirstContact {
		return fmt.Errorf("mode %v is not spoken yet", i.cfg.Mode)
	}
	if i.size != wire.MaxPacket && i.size != wire.SmallPacket {
		return fmt.Errorf("first packet of %d bytes", i.size)
	}
	if s := i.static; s != nil && s.Public().Curve() != i.suite.curve {
		return fmt.Errorf("static key of %v in suite %v", s.Public().Curve(), i.suite.id)
	}
	if err := wire.CheckExtensions(i.cfg.Extensions); err != nil {
		return err
	}
	// Complete is as long as the Hello, and that may fall to the small size.
	body := len(wire.AppendBody(nil, i.cfg.Extensions, nil))
	if body > sectionSize(i.suite.id, wire.SmallPacket)-i.suite.id.KeySize()-wire.SizeID {
		return errors.New("extensions do not fit a first packet of 548 bytes")
	}
	return nil
}

// IDs returns the handshake ids listened to: that of the attempt, and of the one
// before it for 5 s more. Either is zero for none. They change only in Next and
// Receive.
func (i *Initiator) IDs() (current, old wire.ID) {
	if i.current != nil {
		current = i.current.id
	}
	if i.old != nil {
		old = i.old.id
	}
	return current, old
}

// Next returns a packet to send now, nil when none is due: call it until then.
// The packet is the Initiator's and must not be changed.
func (i *Initiator) Next(now time.Time) []byte {
	if i.current == nil {
		return nil
	}
	i.startOver(now)
	a := i.current
	if len(a.completes) == 0 {
		if now.Before(a.due) {
			return nil
		}
		a.due = now.Add(i.interval(now))
		return i.nextHello()
	}
	for _, c := range a.completes {
		if !now.Before(c.due) {
			c.due = now.Add(i.interval(now))
			return c.packet
		}
	}
	return nil
}

// Deadline is when Next has something to do, zero for never: there is a Result.
func (i *Initiator) Deadline() time.Time {
	a := i.current
	if a == nil {
		return time.Time{}
	}
	at := a.due
	if len(a.completes) > 0 {
		at = a.over
	}
	for _, c := range a.completes {
		at = earlier(at, c.due)
	}
	if i.old != nil {
		at = earlier(at, i.old.over)
	}
	return at
}

// Receive takes a packet that begins with one of IDs. Accepted means that Next
// has a Complete; Completed comes with the Result, once; then the Initiator is
// done and forgets its keys. Every other outcome changes nothing.
func (i *Initiator) Receive(now time.Time, p []byte) (*Result, Outcome) {
	id, ok := wire.First(p)
	if !ok {
		return nil, BadLength
	}
	a := i.attempt(now, id)
	if a == nil {
		return nil, BadID
	}
	kind, ok := wire.BackType(p)
	switch {
	case !ok:
		return nil, BadLength
	case kind == wire.TypeChallenge && a == i.current:
		return nil, i.challenge(now, a, p)
	case kind == wire.TypeResponderComplete:
		return i.complete(a, p)
	}
	return nil, BadType
}

// attempt returns the live attempt with that id.
func (i *Initiator) attempt(now time.Time, id wire.ID) *attempt {
	switch {
	case i.current == nil:
		return nil
	case i.current.id == id:
		return i.current
	case i.old != nil && i.old.id == id && now.Before(i.old.over):
		return i.old
	}
	return nil
}

// startOver makes a new attempt when the Completes of this one went unanswered:
// "a new attempt, with new handshake id, Hello and e_I (the old ids are listened
// to for 5 s more)".
func (i *Initiator) startOver(now time.Time) {
	if i.old != nil && !now.Before(i.old.over) {
		i.old = nil
	}
	a := i.current
	if len(a.completes) == 0 || now.Before(a.over) {
		return
	}
	fresh, err := i.newAttempt(now)
	if err != nil {
		a.over = now.Add(completeLife) // no randomness: go on with what there is
		return
	}
	a.over = now.Add(oldLife)
	i.old, i.current = a, fresh
}

// interval is how long to wait for the next try.
func (i *Initiator) interval(now time.Time) time.Duration {
	d := resendFast
	if now.Sub(i.start) >= resendFastFor {
		d = resendSlow
	}
	return d - d/10 + time.Duration(i.jitter.Int64N(int64(d/5)+1))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
