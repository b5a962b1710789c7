package rud

import (
	"crypto/subtle"
	"net/netip"
	"time"

	"meshpresence/transport/rud/wire"
)

// paths is where the peer is: the path in use, which is validated, and two
// candidates.
//
//	newest non-probe packet from a candidate --> wanted --> challenged, on both
//	PathResponse with its value from there ---> proved
//	wanted and proved -----------------------> in use; the old one stays proved for 30 s
//	newer non-probe packet on the path in use -> no longer wanted
type paths struct {
	current netip.AddrPort
	epoch   uint8 // counts the moves
	wanted  int8  // 1 + place of the candidate it came from; 0: the path in use

	spare [candidateCount]candidate
	aside credit // another source, of probes only

	value [wire.SizePathValue]byte // challenged on the path in use

	sent, lost uint64        // frame packets of the path in use
	heard      time.Duration // a packet from there opened last
}

// estimates are what is known of a path, kept when it is left: "the old path kept
// as a fallback with its estimates".
type estimates struct {
	rtt        roundTrip
	flow       congestion
	sent, lost uint64
	size       int
	left       time.Duration // 0: never in use
}

// credit is what an unproved path may still get: "at most 3x the bytes opened
// from them".
type credit struct {
	addr  netip.AddrPort
	bytes int
}

// candidate is a path that is not in use.
type candidate struct {
	credit
	proved     time.Duration // until then
	challenged time.Duration // last
	first      time.Duration // when it was challenged first
	tries      int           // challenges since its last packet
	heardAt    time.Duration // when a packet from there opened last
	was        estimates
	value      [wire.SizePathValue]byte
}

// find returns the place of the candidate with that address, or -1.
func (p *paths) find(addr netip.AddrPort) int {
	for i := range p.spare {
		if p.spare[i].addr == addr {
			return i
		}
	}
	return -1
}

// admit gives the address a candidate's place: that of the one heard longest
// ago.
func (p *paths) admit(addr netip.AddrPort) int {
	place := 0
	for i := range p.spare {
		if p.spare[i].heardAt < p.spare[place].heardAt {
			place = i
		}
	}
	k := &p.spare[place]
	*k = candidate{credit: credit{addr: addr}}
	if p.aside.addr == addr {
		k.bytes = p.aside.bytes
		p.aside = credit{} // or it could be spent twice
	}
	return place
}

// spend reports whether a packet of n bytes may go to the address, and takes it
// off what the address may get.
func (p *paths) spend(now time.Duration, to netip.AddrPort, n int) bool {
	if to == p.current {
		return true
	}
	account := &p.aside
	if i := p.find(to); i >= 0 {
		if p.spare[i].proved > now {
			return true
		}
		account = &p.spare[i].credit
	}
	if account.addr != to || account.bytes < n {
		return false
	}
	account.bytes -= n
	return true
}

// earn notes n bytes opened from an address that is no candidate and sends only
// probes.
func (p *paths) earn(from netip.AddrPort, n int) {
	if p.aside.addr != from {
		p.aside = credit{addr: from}
	}
	p.aside.bytes += n
}

// onPath takes the source of a packet that opened. "Packets with probe set never
// move a path. A newest non-probe packet from a new source: 16 random bytes
// challenged on the new AND the old path; move when the new answers from there;
// move back if a newer packet arrives on the old."
func (c *Conn) onPath(now time.Duration, s *Stream, from netip.AddrPort, h *wire.Header, size int) {
	if c.phase != phaseOpen {
		return // the packet closed it: its prefix is not counted any more
	}
	p := &c.paths
	newest := !h.Probe() && h.Number > s.mover
	if newest {
		s.mover = h.Number
	}
	if from == p.current {
		p.heard = now
		if newest {
			p.wanted = 0
			s.came, s.here = 0, true
		}
		return
	}
	i := p.find(from)
	if i < 0 && !newest {
		p.earn(from, amplification*size)
		return
	}
	if i < 0 {
		i = c.admit(from)
	}
	k := &p.spare[i]
	k.bytes += amplification * size
	k.heardAt = now
	if !newest {
		return
	}
	p.wanted = int8(i + 1)
	s.came = p.wanted
	k.tries = 0
	// Attack: a packet of another stream that was held back, and cannot tell what is
	// newer, moves the path back to where nobody is any more.
	if k.proved > now && s.here {
		c.move(now, i)
		return
	}
	if now >= k.challenged+c.rtt.pto() || k.challenged == 0 {
		c.challenge(now)
	}
}

// admit gives the address a candidate's place.
func (c *Conn) admit(addr netip.AddrPort) int {
	i := c.paths.admit(addr)
	for s := range c.keyed {
		if s.came == int8(i+1) {
			s.came = -1
		}
	}
	return i
}

// sizeChallenge is the length of a packet with one path value.
const sizeChallenge = wire.SizeID + wire.SizeHeader + 2 + len(wire.TagPathChallenge) + 2 + wire.SizePathValue + wire.SizeEmptyBody + wire.SizeTag

// challengeSize is that under the ids in use.
func (c *Conn) challengeSize() int { return sizeChallenge + c.main.overhead() - packetOverhead }

// challenge sends the wanted candidate its value, and the path in use another:
// what one path is asked must not be answered by copying the other's answer.
func (c *Conn) challenge(now time.Duration) {
	p := &c.paths
	if p.wanted == 0 {
		return
	}
	k := &p.spare[p.wanted-1]
	if k.tries++; k.tries > challengeTries || !p.spend(now, k.addr, c.challengeSize()) {
		return
	}
	if k.challenged == 0 && c.e.draw(k.value[:]) != nil || c.e.draw(p.value[:]) != nil {
		return // no randomness: no move
	}
	if k.challenged == 0 {
		k.first = now
	}
	k.challenged = now
	c.sendPathValue(now, k.addr, wire.TagPathChallenge, k.value[:])
	c.sendPathValue(now, p.current, wire.TagPathChallenge, p.value[:])
}

// challengeAt returns when the wanted candidate is challenged again, 0 for never:
// "one challenge per PTO".
func (c *Conn) challengeAt() time.Duration {
	if c.paths.wanted == 0 {
		return 0
	}
	k := &c.paths.spare[c.paths.wanted-1]
	if k.challenged == 0 || k.tries >= challengeTries || k.bytes < c.challengeSize() {
		return 0
	}
	return k.challenged + c.rtt.pto()
}

func (c *Conn) sendPathValue(now time.Duration, to netip.AddrPort, tag string, value []byte) {
	c.e.list[0] = wire.Extension{Tag: tag, Value: value}
	c.main.sendPlain(now, to, wire.FlagProbe, c.e.list[:])
}

// onPathValues takes the extensions of a no-frame packet: it "carries only
// PathChallenge, PathResponse and acknowledgements".
func (c *Conn) onPathValues(now time.Duration, from netip.AddrPort, list wire.Extensions) {
	if list.IsEmpty() {
		return
	}
	if v, ok := list.Get(wire.TagPathResponse); ok && len(v) == wire.SizePathValue {
		c.onPathResponse(now, from, v)
	}
	if v, ok := list.Get(wire.TagPathChallenge); ok && len(v) == wire.SizePathValue {
		// To where it came from, or it would prove nothing.
		if c.phase == phaseOpen && c.paths.spend(now, from, c.challengeSize()) {
			c.sendPathValue(now, from, wire.TagPathResponse, v)
		}
		// Attack: the challenge of a copied packet is brought to us, and our answer
		// back. What is no probe says where we are (RFC 9000 section 9.3.3).
		if c.phase == phaseOpen && from == c.paths.current && !c.main.low() {
			c.main.sendPlain(now, from, 0, nil)
		}
	}
}

// onPathResponse proves the candidate that answers with its own value.
func (c *Conn) onPathResponse(now time.Duration, from netip.AddrPort, value []byte) {
	i := c.paths.find(from)
	if i < 0 {
		return
	}
	k := &c.paths.spare[i]
	if k.challenged == 0 || subtle.ConstantTimeCompare(k.value[:], value) == 0 {
		return
	}
	k.proved = now + oldPathFor
	if int(c.paths.wanted) == i+1 {
		c.move(now, i)
		return
	}
	k.first = 0 // moved to later, if at all: no measure of the round trip
}

// move takes the i-th candidate, which is validated, into use.
func (c *Conn) move(now time.Duration, i int) {
	c.use(now, i)
	c.e.cfg.Handler.Moved(c.e.now, c)
}

// use takes the i-th candidate into use; the path that was stays proved for a
// while, to move back to. The new path has its own congestion, or that from when it
// was left if that is not long ago, and all that is outstanding is sent again there.
func (c *Conn) use(now time.Duration, i int) {
	p := &c.paths
	was := p.current
	k := p.spare[i]
	p.spare[i] = candidate{credit: credit{addr: was}, proved: now + oldPathFor, heardAt: p.heard, was: c.estimates(now)}
	p.current = k.addr
	p.heard = k.heardAt
	p.wanted = 0
	p.aside = credit{}
	for s := range c.keyed {
		switch place := int8(i + 1); {
		case s.came == place:
			s.came, s.here = 0, true
		case s.here && s.came == 0:
			s.came, s.here = place, false
		default:
			s.here = false
		}
	}
	if !c.initiator && prefix(was) != prefix(k.addr) {
		count(c.e.gate.proved, prefix(was), -1)
		count(c.e.gate.proved, prefix(k.addr), 1)
	}
	c.rtt = roundTrip{}
	if k.first != 0 && k.first == k.challenged {
		c.rtt.sample(now - k.first)
	} else if k.first != 0 {
		c.rtt.doubtful(now - k.first) // all challenges have one value
	}
	c.newFlow(now)
	if k.was.left != 0 && now-k.was.left < oldPathFor {
		c.resume(now, &k.was)
	}
}

// estimates returns what is known of the path in use, for when it is left.
func (c *Conn) estimates(now time.Duration) estimates {
	return estimates{c.rtt, c.flow, c.paths.sent, c.paths.lost, c.size, now}
}

// resume goes on with a path where it was left.
func (c *Conn) resume(now time.Duration, was *estimates) {
	c.rtt, c.flow = was.rtt, was.flow
	c.paths.sent, c.paths.lost = was.sent, was.lost
	switch {
	case was.size < c.size:
		c.fall(now)
	case was.size > c.size:
		c.raised()
	}
}

// PathInfo is what is known of one way to the peer.
type PathInfo struct {
	Addr           netip.AddrPort // the peer's
	InUse          bool
	Validated      bool          // may be moved to without being asked again
	RTT, Variation time.Duration // smoothed; 0 when unknown
	Sent, Lost     uint64        // frame packets
	Size           int           // longest packet in bytes; 0 when it was never in use
	Heard          time.Time     // a packet from there opened last; zero for never
}

// Paths returns the path in use and then those beside it, as they were when they
// were left, the one heard last first.
func (c *Conn) Paths(now time.Time) []PathInfo {
	t := c.e.begin(now)
	p := &c.paths
	list := []PathInfo{c.pathInfo(p.current, p.heard, c.estimates(t))}
	list[0].InUse, list[0].Validated = true, c.phase == phaseOpen
	for i := range p.spare {
		if k := &p.spare[i]; k.addr.IsValid() {
			info := c.pathInfo(k.addr, k.heardAt, k.was)
			info.Validated = k.proved > t
			list = append(list, info)
		}
	}
	if len(list) == 3 && list[2].Heard.After(list[1].Heard) {
		list[1], list[2] = list[2], list[1]
	}
	return list
}

func (c *Conn) pathInfo(addr netip.AddrPort, heard time.Duration, e estimates) PathInfo {
	info := PathInfo{Addr: addr, RTT: e.rtt.smoothed, Variation: e.rtt.variation, Sent: e.sent, Lost: e.lost, Size: e.size}
	if heard != 0 {
		info.Heard = c.e.start.Add(heard)
	}
	return info
}

// newFlow starts the congestion of a path anew and sends on it what is
// outstanding.
func (c *Conn) newFlow(now time.Duration) {
	c.paths.epoch++
	c.paths.sent, c.paths.lost = 0, 0
	c.flow = newCongestion()
	for s := range c.keyed {
		s.loseAll()
	}
	c.planRaise(now)
	c.sizing.failed = now // what is outstanding was lost by the move
}

// Rebind says that our own socket changed: something that is no probe leaves at
// once, so that the peer sees, challenges and takes the new path.
func (c *Conn) Rebind(now time.Time) {
	t := c.e.begin(now)
	if c.phase != phaseOpen {
		return
	}
	c.newFlow(t)
	if !c.tellsPath() {
		c.main.outbox.add(&c.e.buffers, nil, wire.FlagFinal)
	}
	c.flush(t)
}

// RebindTo is Rebind for when the peer is to be reached at another of its own
// addresses from now on: IPv6, where only IPv4 was and is gone. The caller has the
// address from the peer; what it says is believed. The path that was stays a
// fallback.
func (c *Conn) RebindTo(now time.Time, to netip.AddrPort) {
	t := c.e.begin(now)
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if c.phase == phaseOpen && to.IsValid() && to != c.paths.current {
		i := c.paths.find(to)
		if i < 0 {
			i = c.admit(to)
		}
		c.use(t, i)
	}
	c.Rebind(now)
}

// tellsPath reports whether something outstanding is no probe, or there is no
// room for one frame more.
func (c *Conn) tellsPath() bool {
	for i := range c.main.flight.sent {
		if c.main.outbox.frame(c.main.flight.sent[i].frame).flags&wire.FlagProbe == 0 {
			return true
		}
	}
	return c.main.outbox.len() >= frameWindow
}
