package lab_test

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// forger makes first packets that look right.
type forger struct {
	rng  *rand.ChaCha8
	node key.Agreement
}

func newForger(seed uint64) *forger {
	return &forger{rng: rand.NewChaCha8([32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), seed)))}
}

// nodeKey is the node's static key, as its Challenges show it to anybody.
func (s *scene) nodeKey() (k key.Agreement) {
	s.t.Helper()
	for _, p := range s.wire.Seen() {
		if c, err := wire.ParseChallenge(p.Data); p.Out && err == nil {
			return must(key.NewAgreement(key.X25519, c.Static))
		}
	}
	s.t.Fatal("no Challenge was seen")
	return k
}

// shape is an Exchange with a fresh ephemeral key and our time, whose seals do not
// open: what an attacker can make by the million.
func (f *forger) shape(size int) []byte {
	x := wire.Exchange{Suite: wire.SuiteX25519AESGCM, Slot: uint32(wall.Clock(nil).Now() / 10), Ephemeral: make([]byte, 32)}
	f.rng.Read(x.ID[:])
	f.rng.Read(x.Ephemeral)
	b := x.AppendClear(nil)
	at := len(b)
	b = append(b, make([]byte, size-at)...)
	f.rng.Read(b[at:])
	return b
}

// whole is an Exchange that opens, of a device made for it.
func (f *forger) whole(now time.Time) []byte {
	i := must(handshake.NewInitiator(now, handshake.InitiatorConfig{
		Mode: handshake.Immediate, Pin: handshake.Pin{Key: f.node}, Static: must(key.NewStatic(key.X25519)),
	}))
	return i.Next(now)
}

// complete is a Complete whose challenge value nobody made.
func (f *forger) complete(size int) []byte {
	b := f.shape(size)
	b[wire.SizeZeros] = wire.TypeComplete
	f.rng.Read(b[27:84])
	b[27] = 1
	return b
}
