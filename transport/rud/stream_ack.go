package rud

import (
	"time"
)

// onAck takes what the peer says of our packets. It is prompt in a packet of its
// own, which left within ackDelay of the newest it speaks of; in any other it may
// repeat what was lost.
func (s *Stream) onAck(now time.Duration, t told, prompt bool) {
	fresh := t.newest > s.told
	s.told = max(s.told, t.newest)
	if t.newest == 0 || len(s.flight.sent) == 0 {
		return
	}
	full := s.c.inside() >= s.c.flow.window
	news := false
	for i := 0; i < len(s.flight.sent); {
		r := &s.flight.sent[i]
		arrived := t.has(r.number)
		if !arrived && (r.before == 0 || !t.has(r.before)) {
			i++
			continue
		}
		news = true
		was := s.flight.take(i)
		s.measure(now, &was, t.newest, arrived, prompt)
		s.onArrived(now, was, arrived, full)
	}
	if !news {
		if fresh && prompt {
			s.onLate(now, t.newest)
		}
		return
	}
	s.backoff = 0
	s.detectLoss(now)
}

// measure takes the round trip from the newest packet of an acknowledgement.
func (s *Stream) measure(now time.Duration, r *record, newest uint32, arrived, prompt bool) {
	took := now - r.at
	switch {
	case r.path != s.c.paths.epoch || r.aside:
	case arrived && r.number == newest && prompt:
		s.c.rtt.sample(took)
	case arrived && r.number == newest:
		s.c.rtt.doubtful(took)
	case !arrived && r.before == newest && prompt:
		s.c.rtt.least(took) // its first copy left before that
	}
}

// onLate takes an acknowledgement that is new and speaks only of packets that were
// sent again more than once since: the round trip is longer than was thought, or no
// acknowledgement would ever be of a packet still outstanding.
func (s *Stream) onLate(now time.Duration, newest uint32) {
	for i := range s.flight.sent {
		if r := &s.flight.sent[i]; r.number > newest && r.path == s.c.paths.epoch {
			s.c.rtt.least(now - r.at)
			return
		}
	}
}

// onArrived takes one record off that is acknowledged, under its own number or,
// when arrived is false, under the one its piece had before.
func (s *Stream) onArrived(now time.Duration, r record, arrived, full bool) {
	own := r.path == s.c.paths.epoch && !r.aside
	if arrived {
		s.flight.best = max(s.flight.best, r.order)
	} else {
		s.flight.needless(r.past)
		s.c.e.stats.Needless++
	}
	if own && full {
		s.c.flow.onAck()
	}
	s.c.onSize(&r)
	if s.outbox.frame(r.frame).padded {
		s.c.raised()
	}
	s.outbox.onAck(&s.c.e.buffers, r.frame, int(r.piece))
}

// detectLoss marks the packets that enough later ones overtook, or long enough
// ago, and sets the timer for those that are not yet.
func (s *Stream) detectLoss(now time.Duration) {
	s.lossAt = 0
	f := &s.flight
	allowed := f.threshold()
	delay := s.lossDelay(allowed)
	for i := 0; i < len(f.sent); {
		r := &f.sent[i]
		switch {
		case r.order >= f.best:
			return // nothing overtook it, nor those after it
		case r.lost:
		case f.best-r.order >= allowed || now-r.at >= delay:
			if s.lose(now, i) {
				continue // its record is gone
			}
		case s.lossAt == 0 || r.at+delay < s.lossAt:
			s.lossAt = r.at + delay
		}
		i++
	}
}

// lossDelay is how long after it left a packet that was overtaken counts as lost:
// 9/8 of a round trip, and more on a path that reorders.
func (s *Stream) lossDelay(allowed uint32) time.Duration {
	rtt := max(s.c.rtt.srtt(), s.c.rtt.latest)
	return rtt + rtt/8*time.Duration(allowed-reorderFirst+1)
}

// lose marks the i-th outstanding packet as lost. It reports whether the record
// is gone: a probe of the packet size is not sent again as it was.
func (s *Stream) lose(now time.Duration, i int) (gone bool) {
	r := s.flight.sent[i]
	if s.outbox.frame(r.frame).padded {
		s.notRaised(now, i)
		return true
	}
	s.flight.markLost(i)
	if r.path == s.c.paths.epoch && !r.aside {
		s.c.paths.lost++
		s.c.flow.onLoss(now, r.at)
	}
	return false
}

// probeAt returns when the PTO comes, 0 for never: "PTO = srtt + 4 var + 25 ms,
// doubling". OURS: the first two are as long, those up to soonTimeouts twice as
// long, and then they double: two packets in two PTOs are less than the least
// window, and a path that loses bursts of 3 both ways is not left waiting.
func (s *Stream) probeAt() time.Duration {
	if s.flight.inside() == 0 {
		return 0
	}
	pto := s.c.rtt.pto()
	wait := pto
	switch {
	case s.backoff >= soonTimeouts:
		wait = max(pto, min(pto<<min(s.backoff-soonTimeouts+2, 8), backoffMost))
	case s.backoff > 1:
		wait = 2 * pto
	}
	return s.frameAt + wait
}

// onProbeTimeout sends the oldest packets again, whatever window and pace say.
func (s *Stream) onProbeTimeout(now time.Duration) {
	if s.backoff < 2*soonTimeouts {
		s.backoff++
	}
	// One silent PTO may be a lost acknowledgement; a second is a loss.
	if s.backoff > 1 {
		s.c.flow.onLoss(now, s.flight.sent[0].at)
	}
	if s.c.largeUnanswered() && s.c.largeFailed(now) {
		return
	}
	// The second packet is the next one, or a lone one once more when a first
	// PTO did not help.
	packets := ptoPackets
	if len(s.flight.sent) == 1 && s.backoff == 1 {
		packets = 1
	}
	for n := 0; n < packets && s.c.phase == phaseOpen && len(s.flight.sent) > 0; n++ {
		i := 0
		if n == 0 {
			i = s.firstControl()
		}
		if s.outbox.frame(s.flight.sent[i].frame).padded {
			s.notRaised(now, i)
			continue
		}
		s.c.paths.lost++
		s.resend(now, i)
	}
	s.c.compare(now)
}

// firstControl returns the place of the oldest packet of control, or of the oldest.
// Fault: a peer without one-time ids acknowledges nothing until it has a set.
func (s *Stream) firstControl() int {
	for i := range s.flight.sent {
		if s.outbox.frame(s.flight.sent[i].frame).head > 0 {
			return i
		}
	}
	return 0
}

// loseAll marks everything outstanding to be sent again: the path changed under
// it. That is no sign of congestion.
func (s *Stream) loseAll() {
	s.backoff = 0
	s.lossAt = 0
	for i := range s.flight.sent {
		s.flight.markLost(i)
	}
}
