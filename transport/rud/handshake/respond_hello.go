package handshake

import (
	"net/netip"
	"time"

	"meshpresence/internal/limit"
	"meshpresence/transport/rud/wire"
)

// hello answers a Hello with a Challenge and keeps nothing. "Hello: length, 16
// zeros, type, version, suite, expect (quiet), bucket, padding zero, h1, MAC,
// answer." No step before the answer does curve work, except that the first
// Hello of a curve in two minutes makes the generation's k_R.
func (r *Responder) hello(now time.Time, from netip.AddrPort, p, out []byte) ([]byte, Outcome) {
	h, err := wire.ParseHello(p)
	if err != nil {
		return out, outcomeOf(err)
	}
	s := r.identity.suite(h.Suite)
	if s == nil {
		return out, BadSuite
	}
	if r.cfg.Quiet && !r.identity.expected(s, &h.Expect) {
		return out, NotExpected
	}
	if !r.buckets.Allow(now, limit.Prefix(from.Addr()), r.scale(from.Addr())) {
		return out, Limited
	}
	if h.Rest() != nil {
		return out, BadPadding
	}
	return r.challenge(now, from, s, h.ID, p, out)
}

// challenge answers a first packet with a Challenge: the value carries its hash,
// and the rest is the generation's.
func (r *Responder) challenge(now time.Time, from netip.AddrPort, s *suite, id wire.ID, p, out []byte) ([]byte, Outcome) {
	g, err := r.generations.use(now, s.curve, r.identity, r.cfg.Rand)
	if err != nil {
		return out, Failed
	}
	value := wire.NewValue(r.firstSlot+r.elapsed(now), g.number, r.hash(p))
	copy(value.MAC(), r.valueMAC(g, &value, from, id))
	challenge := g.challenge(s, id, &value)
	return challenge.Append(out), Challenged
}

func (r *Responder) scale(a netip.Addr) int {
	if r.cfg.Table.Proved(a) {
		return provedScale
	}
	return 1
}

// hash is helloHash in scratch space.
func (r *Responder) hash(packet []byte) *[wire.SizeHash]byte {
	r.digest.Reset()
	r.digest.Write(labelHelloBytes)
	r.digest.Write(packet)
	r.digest.Sum(r.sum[:0])
	return &r.sum
}

var labelHelloBytes = []byte(labelHello)
