package rud

import (
	"encoding/binary"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// otherKeys is the second protection of what arrives: while keys roll, the next or
// the last ones; while the id that we issued changes, that of the next id until a
// packet opens under it, then that of the last one.
//
//	Renew ---> told --a packet under the new id--> over --3 PTO--> nil
type otherKeys struct {
	protection
	renewal renewal
	token   bool          // a reset token for the new id is owed to us
	until   time.Duration // the last id is heard, while over; 0: its token is awaited
}

type renewal byte

const (
	renewNone renewal = iota // keys roll
	renewTold
	renewOver
)

// Renew changes the id that packets of this stream to us carry: the peer learns the
// new one, and the old one is forgotten. The keys change with it, the secret and the
// packet numbers do not.
//
// The error is ErrClosed, or ErrRolling: keys are rolling, an id of this stream is
// changing, or its ids are for one time.
func (s *Stream) Renew(now time.Time) error {
	c := s.c
	t := c.e.begin(now)
	switch {
	case c.phase != phaseOpen || s.bound != nil && s.bound.state != streamOpen:
		return ErrClosed
	case c.roll != nil || s.other != nil || s.issues():
		return ErrRolling
	}
	id, err := c.e.newID()
	if err != nil {
		return err
	}
	other, err := s.receiveKeys(c.secret, id)
	if err != nil {
		return err
	}
	s.other = &otherKeys{protection: other, renewal: renewTold, token: s.bound == nil && c.initiator}
	c.e.streams[binary.BigEndian.Uint64(id[:])] = s
	c.tell(t, s, wire.Extension{Tag: wire.TagStreamNew, Value: id[:]})
	c.flush(t)
	return nil
}

// renewing reports whether the id of the stream is changing.
func (s *Stream) renewing() bool { return s.other != nil && s.other.renewal != renewNone }

// renewing reports whether the id of any stream is changing.
func (c *Conn) renewing() bool {
	for s := range c.keyed {
		if s.renewing() {
			return true
		}
	}
	return false
}

// onRenewed takes the peer's new id into use. "Only the responder gives a token, for
// each new id" of the main stream: the connection ends with it.
func (s *Stream) onRenewed(now time.Duration, id wire.ID) {
	c := s.c
	out, err := s.sendKeys(c.secret, id)
	if err != nil {
		c.end(now, ReasonClosed) // no ciphers: cannot be
		return
	}
	s.out = out
	if s.bound == nil && !c.initiator {
		token := handshake.ResetToken(c.e.cfg.Reset, c.peer, id)
		c.tell(now, s, wire.Extension{Tag: wire.TagReset, Value: token[:]})
	}
}

// onToken takes the reset token of our new id.
func (c *Conn) onToken(now time.Duration, token []byte) {
	o := c.main.other
	if !c.initiator || o == nil || !o.token {
		c.end(now, ReasonBreach)
		return
	}
	copy(c.reset[:], token)
	o.token = false
	if o.renewal == renewOver {
		o.until = now + oldKeysFor*c.rtt.pto()
	}
}

// onOther takes note of a packet that opened under the next id.
func (s *Stream) onOther(now time.Duration) {
	o := s.other
	switch o.renewal {
	case renewNone:
		s.c.onOther(now)
	case renewTold:
		s.in, o.protection = o.protection, s.in
		o.renewal = renewOver
		if !o.token {
			o.until = now + oldKeysFor*s.c.rtt.pto()
		}
	}
}

// renewAt returns when the last id is forgotten, 0 for never.
func (s *Stream) renewAt() time.Duration {
	if s.other == nil {
		return 0
	}
	return s.other.until
}

// forgetID retires the last id: packets under it are silence.
func (s *Stream) forgetID() {
	s.unlist(s.other.id)
	s.dropOther()
}

// dropOther forgets the other keys.
func (s *Stream) dropOther() {
	if s.other != nil {
		s.c.e.scratch.awake.drop(&s.other.protection)
		s.other = nil
	}
}

// newID draws an id that nobody here has.
func (e *Endpoint) newID() (id wire.ID, err error) {
	for id.IsZero() || e.taken(id) {
		if err := e.draw(id[:]); err != nil {
			return wire.ID{}, err
		}
	}
	return id, nil
}
