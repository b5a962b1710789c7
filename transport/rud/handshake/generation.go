package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"io"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// Lives that the specification fixes.
const (
	generationUsed = 2 * time.Minute // how long Challenges show it
	generationLife = 4 * time.Minute // how long Completes may answer it
	slotLength     = 10 * time.Second
	liveSlots      = 3 // a challenge value is good for its slot and two more
)

// shared is a generation's k_R of one curve; the zero value is not made yet.
type shared struct {
	private *key.Static
	public  []byte // k_R on the wire
}

// generation is "k_R, MAC key, s_R and card hash, fixed together", with one k_R a
// curve. That of X448 is made when a Hello first asks for it: few do, and it costs
// more than all else here.
type generation struct {
	identity
	number     uint32
	born       time.Time
	ephemerals [curves]shared
	mac        hash.Hash
}

func newGeneration(now time.Time, number uint32, id identity, r io.Reader) (*generation, error) {
	g := &generation{identity: id, number: number, born: now}
	if err := g.prepare(key.X25519, r); err != nil {
		return nil, err
	}
	secret, err := newSecret(r)
	if err != nil {
		return nil, err
	}
	g.mac = hmac.New(sha256.New, secret[:])
	return g, nil
}

// prepare makes the curve's k_R, once.
func (g *generation) prepare(c key.Curve, r io.Reader) error {
	e := g.ephemeral(c)
	if e.private != nil {
		return nil
	}
	k, err := drawKey(c, r)
	if err != nil {
		return err
	}
	*e = shared{k, k.Public().Raw()}
	return nil
}

// ephemeral returns the place of the curve's k_R.
func (g *generation) ephemeral(c key.Curve) *shared { return &g.ephemerals[c-1] }

// suite returns the suite named, when this generation may have shown it: there is
// a static key and a k_R.
func (g *generation) suite(named wire.Suite) *suite {
	s := g.identity.suite(named)
	if s == nil || g.ephemeral(s.curve).private == nil {
		return nil
	}
	return s
}

// current reports whether new Challenges may show g.
func (g *generation) current(now time.Time) bool {
	return g != nil && now.Sub(g.born) < generationUsed
}

// live reports whether a Complete may answer g.
func (g *generation) live(now time.Time) bool {
	return g != nil && now.Sub(g.born) < generationLife
}

// challenge returns the Challenge of this generation with that value: made for
// the Hello, and again, the same, for the Complete.
func (g *generation) challenge(s *suite, id wire.ID, value *wire.Value) wire.Challenge {
	return wire.Challenge{
		ID:        id,
		Suite:     s.id,
		Ephemeral: g.ephemeral(s.curve).public,
		Static:    g.of(s.curve).public,
		Card:      g.card,
		Value:     *value,
	}
}

// generations are the two that may be live, newest first. The older one's keys
// go when nothing may use them any more: at the latest when advance is called.
type generations struct {
	next    uint32 // number of the next one
	current *generation
	older   *generation
}

// use returns the generation that a Challenge of the curve shows now, a new one
// when the last has been used for its two minutes.
func (gs *generations) use(now time.Time, c key.Curve, id identity, r io.Reader) (*generation, error) {
	if gs.current.current(now) {
		return gs.current, gs.current.prepare(c, r)
	}
	g, err := newGeneration(now, gs.next, id, r)
	if err != nil {
		return nil, err
	}
	gs.next++
	gs.older, gs.current = gs.current, g
	gs.advance(now)
	return g, g.prepare(c, r)
}

// find returns the live generation of that number, or nil.
func (gs *generations) find(now time.Time, number uint32) *generation {
	for _, g := range [...]*generation{gs.current, gs.older} {
		if g.live(now) && g.number == number {
			return g
		}
	}
	return nil
}

// advance drops the generations whose life is over.
func (gs *generations) advance(now time.Time) {
	if !gs.current.live(now) {
		gs.current = nil
	}
	if !gs.older.live(now) {
		gs.older = nil
	}
}

// deadline is when the next generation is to be dropped, zero for never.
func (gs *generations) deadline() time.Time {
	for _, g := range [...]*generation{gs.older, gs.current} {
		if g != nil {
			return g.born.Add(generationLife)
		}
	}
	return time.Time{}
}
