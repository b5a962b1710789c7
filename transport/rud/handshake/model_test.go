package handshake_test

// A second model of the key exchange, written from the specification page alone:
// every mode, every suite, both sides. It calls nothing of the packages it is there
// to check, internal/key included: only hashes, AEADs and curves of libraries.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/cloudflare/circl/dh/x448"
	"golang.org/x/crypto/chacha20poly1305"
)

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

// modelSuite is a suite byte: "high nibble curve (1 X25519, 2 X448), low nibble AEAD
// (1 AES-256-GCM, 2 ChaCha20-Poly1305)".
type modelSuite byte

var modelSuites = []modelSuite{0x11, 0x12, 0x21, 0x22}

// size is L.
func (s modelSuite) size() int {
	if s>>4 == 2 {
		return 56
	}
	return 32
}

func (s modelSuite) public(seed []byte) []byte {
	if s>>4 == 2 {
		var public x448.Key
		x448.KeyGen(&public, (*x448.Key)(seed))
		return public[:]
	}
	return private(seed).PublicKey().Bytes()
}

// dh is x*y from a private scalar and a public key; nil for all zeros.
func (s modelSuite) dh(seed, peer []byte) []byte {
	if s>>4 == 2 {
		var shared x448.Key
		if !x448.Shared(&shared, (*x448.Key)(seed), (*x448.Key)(peer)) {
			return nil
		}
		return shared[:]
	}
	p, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		panic(err)
	}
	x, err := private(seed).ECDH(p)
	if err != nil {
		return nil
	}
	return x
}

func (s modelSuite) aead(key []byte) cipher.AEAD {
	if s&0xf == 2 {
		a, err := chacha20poly1305.New(key)
		if err != nil {
			panic(err)
		}
		return a
	}
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

func private(seed []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(seed)
	if err != nil {
		panic(err)
	}
	return k
}

// public is of X25519.
func public(seed []byte) []byte { return private(seed).PublicKey().Bytes() }

type modelStep struct {
	Name  string
	H, CK []byte
}

// model is one run of the key schedule, with a line for each step.
type model struct {
	suite modelSuite
	h, ck []byte
	steps []modelStep
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
	sealed := m.suite.aead(m.key(name)).Seal(nil, make([]byte, 12), plain, m.h)
	m.h = sha(m.h, sealed)
	m.note("seal " + name)
	return sealed
}

// open is nil when the tag is wrong.
func (m *model) open(name string, sealed []byte) []byte {
	plain, err := m.suite.aead(m.key(name)).Open(nil, make([]byte, 12), sealed, m.h)
	if err != nil {
		return nil
	}
	m.h = sha(m.h, sealed)
	m.note("seal " + name)
	return plain
}

func (m *model) secret() []byte { return m.key("RUD1 data") }

// modelFirst begins First Contact and Deferred: "h = h1 = H("RUD1 hello" 0 | first
// packet, every byte); hash(Challenge, every byte); ck = h".
func modelFirst(suite modelSuite, first, challenge []byte) *model {
	m := &model{suite: suite, h: sha(label("RUD1 hello"), first)}
	m.note("h1")
	m.h = sha(m.h, challenge)
	m.ck = m.h
	m.note("challenge")
	return m
}

// modelKnown begins Immediate and Ticketed: "h = H("RUD1 exchange" 0 | s_R [| s_I
// with a ticket]); ck = h; [mix(ticket secret) [psk]]". Without a ticket initiator
// and psk are nil.
func modelKnown(suite modelSuite, responder, initiator, psk []byte) *model {
	m := &model{suite: suite, h: sha(label("RUD1 exchange"), responder, initiator)}
	m.ck = m.h
	m.note("known")
	if psk != nil {
		m.mix("psk", psk)
	}
	return m
}

func modelStart(hello, challenge []byte) *model { return modelFirst(0x11, hello, challenge) }

// firstHead is what the packets towards the responder begin with.
func firstHead(kind byte, suite modelSuite, id []byte) []byte {
	return append(append(make([]byte, 16), kind, 1, byte(suite)), id...)
}

// modelHello is a Hello with an empty extension list.
func modelHello(size int, id, expect []byte) []byte { return modelHelloOf(0x11, size, id, expect) }

func modelHelloOf(suite modelSuite, size int, id, expect []byte) []byte {
	p := append(firstHead(2, suite, id), expect...)
	p = append(p, 0x10, 0)
	return append(p, make([]byte, size-len(p))...)
}

func modelExpect(bits []byte) []byte { return sha(label("RUD1 expect"), bits) }

// modelValue is CHALLENGE VALUE.
func modelValue(slot, generation uint32, h1, key []byte, from netip.AddrPort, id []byte) []byte {
	v := binary.BigEndian.AppendUint32([]byte{1}, slot)
	v = binary.BigEndian.AppendUint32(v, generation)
	v = append(v, h1...)
	a := from.Addr().As16()
	port := binary.BigEndian.AppendUint16(nil, from.Port())
	return append(v, mac(key, label("RUD1 challenge"), v, a[:], port, id)[:16]...)
}

func modelChallenge(suite modelSuite, id, k, s, card, value []byte) []byte {
	return slices.Concat(id, []byte{2, 1, byte(suite)}, k, s, card, value)
}

// modelBody is "extension list | payload | zeros to the end".
func modelBody(list, payload []byte) []byte {
	if n := len(payload); n > 255 {
		return slices.Concat(list, []byte{0x21, byte(n >> 8), byte(n)}, payload)
	}
	return slices.Concat(list, []byte{0x20, byte(len(payload))}, payload)
}

// modelSection is s_I, data id, a body of one list and an empty payload, zeros up
// to the packet's size, in suite 0x11.
func modelSection(size int, static, id, list []byte) []byte {
	p := slices.Concat(static, id, modelBody(list, nil))
	return append(p, make([]byte, size-116-16-len(p))...)
}

// complete is the COMPLETE that seals plain, s and k being public.
func (m *model) complete(id, value, e, s, k, plain []byte) []byte {
	p := append(append(firstHead(4, m.suite, id), value...), m.suite.public(e)...)
	m.hash("e", p)
	m.mix("es", m.suite.dh(e, s))
	m.mix("ek", m.suite.dh(e, k))
	return append(p, m.seal("RUD1 complete", plain)...)
}

// answer is the RESPONDER COMPLETE that seals plain, e and static being public.
func (m *model) answer(id, f, e, static, plain []byte) []byte {
	p := slices.Concat(id, []byte{3, 1}, m.suite.public(f))
	m.hash("f", p)
	m.mix("ee", m.suite.dh(f, e))
	m.mix("se", m.suite.dh(f, static))
	return append(p, m.seal("RUD1 answer", plain)...)
}

func modelReset(key, static, id []byte) []byte {
	return mac(key, label("RUD1 reset"), static, id)[:16]
}

func modelKeys(secret []byte, dir string, id []byte) (header, packet []byte) {
	return expand32(secret, label("RUD1 header "+dir), id), expand32(secret, label("RUD1 packet "+dir), id)
}

func modelRoll(secret, shared, initiator, responder []byte) []byte {
	return expand32(mac(secret, shared), label("RUD1 roll"), sha(initiator, responder))
}

// modelData is a data packet: the header block under the header key, which is
// AES-256 in every suite, then the body under the packet key.
func modelData(suite modelSuite, header, packet, id, block []byte, number uint32, plain []byte) []byte {
	b, err := aes.NewCipher(header)
	if err != nil {
		panic(err)
	}
	hidden := make([]byte, 16)
	b.Encrypt(hidden, block)
	nonce := binary.BigEndian.AppendUint32(make([]byte, 8), number)
	return suite.aead(packet).Seal(slices.Concat(id, hidden), nonce, plain, slices.Concat(id, block))
}
