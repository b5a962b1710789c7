package handshake

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// Times and counts that the specification fixes for the initiator.
const (
	resendFast    = 500 * time.Millisecond // between two tries, +- 10%
	resendFastFor = 15 * time.Second       // since the start, then
	resendSlow    = 5 * time.Second        // between two tries, +- 10%
	completeLife  = 8 * time.Second        // of an unanswered Complete; then a new attempt
	exchangeLife  = 4 * resendFast         // of unanswered Exchanges, two of each size; then an attempt that begins with a Hello
	ticketLife    = completeLife           // of unanswered Exchanges under a ticket, and of the Hellos between two
	oldLife       = 5 * time.Second        // how long the ids of the attempt before are listened to
	fullTries     = 2                      // unanswered first packets of 1200 before the ones of 548
)

// maxAnswers is how many ResponderCompletes are tried in a second, against each
// packet that they may answer. Attack: whoever sees our handshake id can send answers
// without end, and each costs us two agreements a packet. It is a tenth of a core: a
// smaller number would be an easier way to have the true answer dropped.
const maxAnswers = 1000

// maxChallenges is how many Challenges of an attempt get a Complete. Attack:
// whoever sees our Hello can answer it without end, and each answer costs us
// three agreements.
const maxChallenges = 4

// Initiator is one key exchange until it has a Result or its owner gives up: it
// never does by itself. The owner sends what Next returns, calls Next again
// at Deadline and after every Receive, and gives Receive the packets that begin
// with an id of IDs. Not safe for concurrent use.
type Initiator struct {
	cfg    InitiatorConfig
	suite  *suite
	static *key.Static // s_I
	expect [wire.SizeExpect]byte
	start  time.Time
	jitter *rand.Rand
	size   int // of first packets: 548 once those of 1200 went unanswered

	answers budget   // of ResponderCompletes tried
	current *attempt // nil when done
	old     *attempt // the one before, while it is listened to
}

// NewInitiator returns an Initiator whose first packet is due now.
func NewInitiator(now time.Time, cfg InitiatorConfig) (*Initiator, error) {
	suite, err := cfg.settle()
	if err != nil {
		return nil, fmt.Errorf("make initiator: %w", err)
	}
	i := &Initiator{
		cfg:    cfg,
		suite:  suite,
		static: cfg.Static,
		expect: cfg.Pin.expect(),
		start:  now,
		size:   cfg.Size,
	}
	var seed [16]byte
	if _, err := io.ReadFull(cfg.Rand, seed[:]); err != nil {
		return nil, fmt.Errorf("make initiator: %w", err)
	}
	i.jitter = rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:]), binary.BigEndian.Uint64(seed[8:])))
	if i.static == nil || !cfg.Pin.Known() && cfg.Pin.Accept == nil {
		if i.static, err = i.suite.newKey(cfg.Rand); err != nil {
			return nil, fmt.Errorf("make initiator: %w", err)
		}
	}
	if i.current, err = i.newAttempt(cfg.Mode, now); err != nil {
		return nil, fmt.Errorf("make initiator: %w", err)
	}
	return i, nil
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
		return i.nextFirst(now)
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
	switch {
	case len(a.completes) > 0:
		at = a.over
	case !a.over.IsZero():
		at = earlier(at, a.over)
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
		return i.complete(now, a, p)
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
// to for 5 s more)". Unanswered Exchanges are given up the same way, for a Hello:
// the package comment says why, and why a ticket is tried again.
func (i *Initiator) startOver(now time.Time) {
	if i.old != nil && !now.Before(i.old.over) {
		i.old = nil
	}
	a := i.current
	if a.over.IsZero() || now.Before(a.over) {
		return
	}
	due := now
	if len(a.completes) == 0 {
		due = a.due // as if the last Exchange were sent again
	}
	mode := FirstContact
	if a.mode == FirstContact && i.ticketLives() {
		mode = Ticketed
	}
	fresh, err := i.newAttempt(mode, due)
	if err != nil {
		a.over = now.Add(completeLife) // no randomness: go on with what there is
		return
	}
	a.over = now.Add(oldLife)
	i.old, i.current = a, fresh
}

// ticketLives reports whether there is a ticket that has not expired.
func (i *Initiator) ticketLives() bool {
	t := i.cfg.Ticket
	return t != nil && i.cfg.Wall.Now() < t.Expires
}

// firstLife is how long an attempt's first packets may go unanswered, zero for
// ever.
func (i *Initiator) firstLife(m Mode) time.Duration {
	switch {
	case m == Immediate:
		return exchangeLife
	case m == Ticketed || i.ticketLives():
		return ticketLife
	}
	return 0
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
