package handshake

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/limit"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/wire"
)

// Limits of the address buckets, when the config names none. Attack: Hellos and
// Exchanges from forged sources make us send answers to whoever the attacker names.
const (
	DefaultRate  = 10  // answers a second per /24 or /48
	DefaultBurst = 256 // a school or an office after a power cut

	provedScale = 2 // for prefixes with proved devices
)

// Table is what a Responder asks of the owner's connections. Its methods run
// inside Receive.
type Table interface {
	// Stored returns the ResponderComplete that the Complete or Exchange with that
	// SHA-256 from that source got, while its connection is provisional; else
	// nil. The source must be the same address and port.
	Stored(from netip.AddrPort, request [wire.SizeHash]byte) []byte

	// Room reports whether one more provisional connection from there would
	// stay within the limits, in all and for its prefix. A source is validated
	// by a Complete; an Exchange may come from a forged one, and gets a part of
	// the room only.
	Room(from netip.AddrPort, validated bool) bool

	// Proved reports whether the address's prefix has a proved device.
	Proved(a netip.Addr) bool

	// Taken reports whether the id is already in use.
	Taken(id wire.ID) bool
}

// ResponderConfig is what a Responder needs. A static key of X25519 is required,
// and so is a Reset key that outlives the process, for reset tokens to mean
// anything.
type ResponderConfig struct {
	Statics []*key.Static       // at most one a curve: X25519 and, to offer its suites, X448
	Card    [wire.SizeHash]byte // SHA-256 of the node card, zeros for a device
	Reset   key.Secret
	Table   Table     // nil: room for all, nothing stored, proved or taken
	Rand    io.Reader // nil: the system's

	// Quiet answers no Hello whose expect is not our key of its suite's curve.
	Quiet bool

	// Rate and Burst of the address buckets, Hellos and Exchanges answered a
	// second and at once, and as many Completes; 0 means DefaultRate and DefaultBurst.
	Rate, Burst int

	Wall wall.Clock // what the time in an Exchange is held against

	// Busy reports whether the owner's queue of datagrams is an eighth full:
	// then, and for a second more, an Exchange gets a Challenge. nil: never.
	Busy func() bool

	// Answer runs the verb of an Exchange that opened, once, and returns the
	// payload of the ResponderComplete, at most room bytes; nil for none, and
	// then the initiator sends its payload again in Data. The peer has proved
	// nothing but that it knew our key: the verb is one that may run twice and
	// for anybody. What is passed and returned is lent. nil: no answers.
	Answer func(from netip.AddrPort, peer key.Agreement, payload []byte, room int) []byte

	Tickets Tickets // nil: none are redeemed
}

// Responder answers Hellos without keeping anything of them, Exchanges and
// Completes. Not safe for concurrent use.
type Responder struct {
	cfg         ResponderConfig
	identity    identity
	reset       *key.Secret // not in cfg: fmt follows no pointer into a struct's fields
	boot        time.Time
	firstSlot   uint32
	generations generations
	buckets     *limit.Buckets // of Hellos and Exchanges
	completes   *limit.Buckets // of Completes with a valid value and a new e_I
	memory      memory         // of Completes
	exchanges   exchangeMemory
	budget      budget    // of Exchanges that go to the curve
	busyUntil   time.Time // until when Exchanges get Challenges

	// Scratch space of the Hello path, which must not allocate.
	digest hash.Hash
	sum    [sha256.Size]byte
	input  [len(labelChallenge) + wire.SizeValue + 32]byte
}

// NewResponder returns a Responder that starts now. Slots and generations are
// numbered from a random start: they tell nobody when we did.
func NewResponder(now time.Time, cfg ResponderConfig) (*Responder, error) {
	id, err := newIdentity(cfg.Statics, cfg.Card)
	if err != nil {
		return nil, fmt.Errorf("make responder: %w", err)
	}
	if cfg.Table == nil {
		cfg.Table = noTable{}
	}
	cfg.Rand = source(cfg.Rand)
	firstSlot, err := newUint32(cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("make responder: %w", err)
	}
	firstGeneration, err := newUint32(cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("make responder: %w", err)
	}
	secret, err := newSecret(cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("make responder: %w", err)
	}
	reset := cfg.Reset
	cfg.Reset = key.Secret{}
	return &Responder{
		cfg:         cfg,
		reset:       &reset,
		identity:    id,
		boot:        now,
		firstSlot:   firstSlot,
		generations: generations{next: firstGeneration},
		buckets:     cfg.newBuckets(now),
		completes:   cfg.newBuckets(now),
		memory:      newMemory(secret),
		exchanges:   newExchangeMemory(int64(exchangeSlot(cfg.Wall.Now()))),
		digest:      sha256.New(),
	}, nil
}

func (cfg *ResponderConfig) newBuckets(now time.Time) *limit.Buckets {
	return limit.New(now, limit.Config{
		Rate:  orDefault(cfg.Rate, DefaultRate),
		Burst: orDefault(cfg.Burst, DefaultBurst),
	})
}

// SetCard changes the hash of the node card from the next generation on: within
// two minutes for new Challenges.
func (r *Responder) SetCard(card [wire.SizeHash]byte) { r.identity.card = card }

// Receive takes a packet that begins with 8 zero bytes and appends the answer,
// if any, to out. The outcome says which: Challenged, Completed (with a Result)
// or Resent; everything else is silence. The Result and the answer are the
// caller's to keep with the provisional connection; both are copies.
//
// A packet that is dropped before its challenge value is proved, and a Hello or
// Exchange that gets a Challenge, allocate nothing when out has room for it.
func (r *Responder) Receive(now time.Time, from netip.AddrPort, p, out []byte) (answer []byte, result *Result, o Outcome) {
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	kind, err := wire.FirstType(p)
	if err != nil {
		return out, nil, outcomeOf(err)
	}
	switch kind {
	case wire.TypeHello:
		answer, o = r.hello(now, from, p, out)
		return answer, nil, o
	case wire.TypeComplete:
		return r.complete(now, from, p, out)
	case wire.TypeExchange:
		return r.exchange(now, from, p, out)
	}
	return out, nil, BadType
}

// Advance drops keys and memory whose time is over. Deadline says when.
func (r *Responder) Advance(now time.Time) {
	r.generations.advance(now)
	if elapsed := r.elapsed(now); elapsed >= liveSlots {
		r.memory.forget(elapsed - (liveSlots - 1))
	}
}

// Deadline is when Advance has something to drop, zero for never.
func (r *Responder) Deadline() time.Time { return r.generations.deadline() }

// elapsed is how many slots ago we started.
func (r *Responder) elapsed(now time.Time) uint32 {
	return uint32(now.Sub(r.boot) / slotLength)
}

// valueMAC returns the MAC of a challenge value, in scratch space:
// HMAC-SHA-256(MAC key of the generation, "RUD1 challenge" 0 | bytes 0-40 |
// source address 16 (IPv4 mapped) | source port 2 | initiator handshake id
// 8)[:16]
func (r *Responder) valueMAC(g *generation, v *wire.Value, from netip.AddrPort, id wire.ID) []byte {
	address := from.Addr().As16()
	b := append(r.input[:0], labelChallenge...)
	b = append(b, v.Covered()...)
	b = append(b, address[:]...)
	b = append(b, byte(from.Port()>>8), byte(from.Port()))
	b = append(b, id[:]...)
	g.mac.Reset()
	g.mac.Write(b)
	return g.mac.Sum(r.sum[:0])[:wire.SizeMAC]
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// outcomeOf names the drop that an error of wire means.
func outcomeOf(err error) Outcome {
	switch err {
	case wire.ErrLength:
		return BadLength
	case wire.ErrZeros:
		return BadZeros
	case wire.ErrType:
		return BadType
	case wire.ErrVersion:
		return BadVersion
	case wire.ErrSuite:
		return BadSuite
	}
	return BadPadding
}

// noTable is an owner without connections.
type noTable struct{}

func (noTable) Stored(netip.AddrPort, [wire.SizeHash]byte) []byte { return nil }
func (noTable) Room(netip.AddrPort, bool) bool                    { return true }
func (noTable) Proved(netip.Addr) bool                            { return false }
func (noTable) Taken(wire.ID) bool                                { return false }
