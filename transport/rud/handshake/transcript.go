package handshake

import (
	"crypto/sha256"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// transcript is the symmetric state of the key schedule: h holds every byte sent
// so far, ck every agreement. It is a value: a copy can be tried on a packet and
// thrown away.
type transcript struct {
	suite *suite
	h     [sha256.Size]byte
	ck    key.Secret
}

// beginFirst starts First Contact and Deferred: h = h1; hash(Challenge, every
// byte); ck = h.
func beginFirst(s *suite, h1 *[wire.SizeHash]byte, challenge []byte) transcript {
	t := transcript{suite: s, h: *h1}
	t.hash(challenge)
	t.ck = t.h
	return t
}

// helloHash returns h1 = H("RUD1 hello" 0 | first packet, every byte).
func helloHash(packet []byte) [wire.SizeHash]byte {
	h := sha256.New()
	h.Write([]byte(labelHello))
	h.Write(packet)
	return [wire.SizeHash]byte(h.Sum(nil))
}

// hash is hash(b): h = H(h | b).
func (t *transcript) hash(b []byte) {
	h := sha256.New()
	h.Write(t.h[:])
	h.Write(b)
	h.Sum(t.h[:0])
}

// mix is mix(x) of x = mine*peer: ck = HKDF-Extract(salt ck, ikm x). "All-zero
// aborts": the error.
func (t *transcript) mix(mine *key.Static, peer []byte) error {
	x, err := mine.Agree(peer)
	if err != nil {
		return err
	}
	copy(t.ck[:], extract(t.ck[:], x))
	clear(x)
	return nil
}

// key is key(label) = HKDF-Expand(ck, label 0 | h, 32).
func (t *transcript) key(label string) key.Secret {
	return expand(t.ck[:], label+string(t.h[:]))
}

// seal appends the section: AEAD key(label), nonce 12 zeros, AAD h; afterwards
// hash(ciphertext and tag). No key seals twice: every label has its h, and h
// holds an ephemeral made for this one packet.
func (t *transcript) seal(label string, b, plain []byte) ([]byte, error) {
	k := t.key(label)
	aead, err := t.suite.aead(&k)
	if err != nil {
		return nil, err
	}
	start := len(b)
	b = aead.Seal(b, make([]byte, wire.SizeNonce), plain, t.h[:])
	t.hash(b[start:])
	return b, nil
}

// open is seal's other side. On an error the transcript is as it was.
func (t *transcript) open(label string, sealed []byte) ([]byte, error) {
	k := t.key(label)
	aead, err := t.suite.aead(&k)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, make([]byte, wire.SizeNonce), sealed, t.h[:])
	if err != nil {
		return nil, err
	}
	t.hash(sealed)
	return plain, nil
}

// secret ends the schedule: secret = key("RUD1 data"), and drops ck.
func (t *transcript) secret() key.Secret {
	s := t.key(labelData)
	t.ck = key.Secret{}
	return s
}
