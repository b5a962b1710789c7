package handshake_test

// A second model of First Contact, written from the specification page alone.
// It calls nothing of the package it is there to check: only hashes, AES-GCM
// and X25519 of the library.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
)

type modelStep struct {
	Name  string
	H, CK []byte
}

// model is one run of the key schedule, with a line for each step.
type model struct {
	h, ck []byte
	steps []modelStep
}

func sha(parts ...[]byte) []byte {
	d := sha256.New()
	for _, p := range parts {
		d.Write(p)
	}
	return d.Sum(nil)
}

func mac(key []byte, parts ...[]byte) []byte {
	d := hmac.New(sha256.New, key)
	for _, p := range parts {
		d.Write(p)
	}
	return d.Sum(nil)
}

// expand32 is HKDF-Expand to one block of SHA-256: T(1) = HMAC(prk, info | 01).
func expand32(prk []byte, info ...[]byte) []byte { return mac(prk, append(info, []byte{1})...) }

func label(s string) []byte { return append([]byte(s), 0) }

func private(seed []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(seed)
	if err != nil {
		panic(err)
	}
	return k
}

func public(seed []byte) []byte { return private(seed).PublicKey().Bytes() }

// dh is x*y from a private scalar and a public key.
func dh(seed, peer []byte) []byte {
	p, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		panic(err)
	}
	x, err := private(seed).ECDH(p)
	if err != nil {
		panic(err)
	}
	return x
}

func gcm(key []byte) cipher.AEAD {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		panic(err)
	}
	return a
}

func (m *model) note(name string) {
	ck := m.ck
	if ck == nil {
		ck = make([]byte, 32)
	}
	m.steps = append(m.steps, modelStep{name, m.h, ck})
}

func (m *model) hash(name string, b []byte) {
	m.h = sha(m.h, b)
	m.note(name)
}

func (m *model) mix(name string, x []byte) {
	m.ck = mac(m.ck, x)
	m.note(name)
}

func (m *model) key(name string) []byte { return expand32(m.ck, label(name), m.h) }

func (m *model) seal(name string, plain []byte) []byte {
	sealed := gcm(m.key(name)).Seal(nil, make([]byte, 12), plain, m.h)
	m.h = sha(m.h, sealed)
	m.note("seal " + name)
	return sealed
}

// modelHello is a Hello with an empty extension list.
func modelHello(size int, id, expect []byte) []byte {
	p := make([]byte, size)
	p[16], p[17], p[18] = 2, 1, 0x11
	copy(p[19:27], id)
	copy(p[27:59], expect)
	p[59], p[60] = 0x10, 0
	return p
}

func modelExpect(bits []byte) []byte { return sha(label("RUD1 expect"), bits) }

func modelValue(slot, generation uint32, h1, key []byte, from netip.AddrPort, id []byte) []byte {
	v := []byte{1}
	v = binary.BigEndian.AppendUint32(v, slot)
	v = binary.BigEndian.AppendUint32(v, generation)
	v = append(v, h1...)
	a := from.Addr().As16()
	port := binary.BigEndian.AppendUint16(nil, from.Port())
	return append(v, mac(key, label("RUD1 challenge"), v, a[:], port, id)[:16]...)
}

func modelChallenge(id, k, s, card, value []byte) []byte {
	p := append([]byte{}, id...)
	p = append(p, 2, 1, 0x11)
	p = append(p, k...)
	p = append(p, s...)
	p = append(p, card...)
	return append(p, value...)
}

// modelStart hashes Hello and Challenge.
func modelStart(hello, challenge []byte) *model {
	m := &model{h: sha(label("RUD1 hello"), hello)}
	m.note("h1")
	m.h = sha(m.h, challenge)
	m.ck = m.h
	m.note("challenge")
	return m
}

// modelSection is s_I, data id, a body of one list and an empty payload, zeros
// up to the packet's size.
func modelSection(size int, static, id, list []byte) []byte {
	p := append([]byte{}, static...)
	p = append(p, id...)
	p = append(p, list...)
	p = append(p, 0x20, 0)
	return append(p, make([]byte, size-116-16-len(p))...)
}

// complete builds the Complete that seals plain.
func (m *model) complete(id, value, e, s, k, plain []byte) []byte {
	p := make([]byte, 16)
	p = append(p, 4, 1, 0x11)
	p = append(p, id...)
	p = append(p, value...)
	p = append(p, public(e)...)
	m.hash("e", p)
	m.mix("es", dh(e, s))
	m.mix("ek", dh(e, k))
	return append(p, m.seal("RUD1 complete", plain)...)
}

// answer builds the ResponderComplete that seals plain.
func (m *model) answer(id, f, e, static, plain []byte) []byte {
	p := append([]byte{}, id...)
	p = append(p, 3, 1)
	p = append(p, public(f)...)
	m.hash("f", p)
	m.mix("ee", dh(f, e))
	m.mix("se", dh(f, static))
	return append(p, m.seal("RUD1 answer", plain)...)
}

func (m *model) secret() []byte { return m.key("RUD1 data") }

func modelReset(key, static, id []byte) []byte {
	return mac(key, label("RUD1 reset"), static, id)[:16]
}

func modelKeys(secret []byte, dir string, id []byte) (header, packet []byte) {
	return expand32(secret, label("RUD1 header "+dir), id), expand32(secret, label("RUD1 packet "+dir), id)
}

func modelRoll(secret, shared, initiator, responder []byte) []byte {
	return expand32(mac(secret, shared), label("RUD1 roll"), sha(initiator, responder))
}

// modelData is a data packet: the header block under the header key, then the
// body under the packet key.
func modelData(header, packet, id, block []byte, number uint32, plain []byte) []byte {
	b, err := aes.NewCipher(header)
	if err != nil {
		panic(err)
	}
	hidden := make([]byte, 16)
	b.Encrypt(hidden, block)
	nonce := binary.BigEndian.AppendUint32(make([]byte, 8), number)
	p := append(append([]byte{}, id...), hidden...)
	return gcm(packet).Seal(p, nonce, plain, append(append([]byte{}, id...), block...))
}
