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

// identity is what a responder shows of itself.
type identity struct {
	static *key.Static
	public []byte // s_R on the wire
	card   [wire.SizeHash]byte
	expect [wire.SizeExpect]byte
}

func newIdentity(static *key.Static, card [wire.SizeHash]byte) identity {
	return identity{static, static.Public().Raw(), card, expect(static.Public().Expect())}
}

// generation is "k_R, MAC key, s_R and card hash, fixed together".
type generation struct {
	identity
	number    uint32
	born      time.Time
	ephemeral *key.Static
	public    []byte // k_R on the wire
	mac       hash.Hash
}

func newGeneration(now time.Time, number uint32, id identity, r io.Reader) (*generation, error) {
	s := &suite{curve: id.static.Public().Curve()}
	k, err := s.newKey(r)
	if err != nil {
		return nil, err
	}
	secret, err := newSecret(r)
	if err != nil {
		return nil, err
	}
	return &generation{
		identity:  id,
		number:    number,
		born:      now,
		ephemeral: k,
		public:    k.Public().Raw(),
		mac:       hmac.New(sha256.New, secret[:]),
	}, nil
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
func (g *generation) challenge(s wire.Suite, id wire.ID, value *wire.Value) wire.Challenge {
	return wire.Challenge{
		ID:        id,
		Suite:     s,
		Ephemeral: g.public,
		Static:    g.identity.public,
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

// use returns the generation that a Challenge shows now, a new one when the
// last has been used for its two minutes.
func (gs *generations) use(now time.Time, id identity, r io.Reader) (*generation, error) {
	if gs.current.current(now) {
		return gs.current, nil
	}
	g, err := newGeneration(now, gs.next, id, r)
	if err != nil {
		return nil, err
	}
	gs.next++
	gs.older, gs.current = gs.current, g
	gs.advance(now)
	return g, nil
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
