package rud

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// maxAwake is how many directions of streams have their ciphers ready: 1024
// connections. Fault: the expanded keys of a connection are 2.5 KiB, more than all
// the rest of it, and nearly all of a node's connections say nothing at any moment.
// Waking one costs a microsecond.
const maxAwake = 2048

// expanded is what a direction's keys become when they are used.
type expanded struct {
	header cipher.Block
	packet cipher.AEAD
}

// keys are the keys of one direction as they were derived. They never print.
type keys struct {
	suite          wire.Suite
	header, packet key.Secret
}

// Format shows no key.
func (keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[keys, redacted]") }

// expand makes the ciphers. The header's is AES-256 whatever the suite.
func (k *keys) expand() (x expanded, err error) {
	if x.header, err = aes.NewCipher(k.header[:]); err != nil {
		return x, fmt.Errorf("make header cipher: %w", err)
	}
	if x.packet, err = handshake.NewAEAD(k.suite, &k.packet); err != nil {
		return x, fmt.Errorf("make packet cipher: %w", err)
	}
	return x, nil
}

// awake is the directions whose ciphers are ready, an Endpoint's: a clock of
// maxAwake places. Who comes into a full one takes the place of one not used since
// the hand passed it last. The zero value is empty.
type awake struct {
	places []*protection
	hand   int
}

// wake makes the ciphers of p, if it has none, and gives it a place.
func (a *awake) wake(p *protection) {
	if p.packet == nil {
		x, err := p.keys.expand()
		if err != nil {
			panic(err) // the length is right and newProtection saw that the suite is offered
		}
		p.expanded = x
	}
	p.home = p
	if len(a.places) < maxAwake {
		p.place = int32(len(a.places))
		a.places = append(a.places, p)
		return
	}
	for !a.vacate() {
	}
	p.place = int32(a.hand)
	a.places[a.hand] = p
	a.pass()
}

// vacate reports whether the place at the hand is free now; the hand passes one
// that was used.
func (a *awake) vacate() bool {
	p := a.places[a.hand]
	if p == nil || p.home != p || int(p.place) != a.hand {
		return true // given up, or the memory is another direction's by now
	}
	if p.used {
		p.used = false
		a.pass()
		return false
	}
	p.expanded, p.home = expanded{}, nil
	return true
}

func (a *awake) pass() { a.hand = (a.hand + 1) % maxAwake }

// drop takes p out: it is over, and nothing here keeps its memory.
func (a *awake) drop(p *protection) {
	if p.home == p && a.places[p.place] == p {
		a.places[p.place] = nil
	}
}
