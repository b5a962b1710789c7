package handshake

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// Labels, each with the zero byte that ends it.
const (
	labelExpect    = "RUD1 expect\x00"
	labelHello     = "RUD1 hello\x00"
	labelChallenge = "RUD1 challenge\x00"
	labelComplete  = "RUD1 complete\x00"
	labelAnswer    = "RUD1 answer\x00"
	labelData      = "RUD1 data\x00"
	labelHeader    = "RUD1 header "
	labelPacket    = "RUD1 packet "
	labelRoll      = "RUD1 roll\x00"
	labelReset     = "RUD1 reset\x00"
)

// Direction is who sends, as the key labels write it.
type Direction string

// The directions.
const (
	I2R Direction = "i2r" // initiator to responder
	R2I Direction = "r2i" // responder to initiator
)

// Keys derives a stream's header key, AES-256 whatever the suite, and packet
// key, of the suite's AEAD. id is the receiver's data id.
//
//	header key = HKDF-Expand(secret, "RUD1 header dir" 0 | id, 32)
//	packet key = HKDF-Expand(secret, "RUD1 packet dir" 0 | id, 32)
func Keys(secret key.Secret, dir Direction, id wire.ID) (header, packet key.Secret) {
	info := string(dir) + "\x00" + string(id[:])
	return expand(secret[:], labelHeader+info), expand(secret[:], labelPacket+info)
}

// Roll derives the next secret of a connection from the agreement of the two
// ephemerals, shared = e*e', and the values of both Roll extensions.
//
//	secret = HKDF-Expand(HKDF-Extract(salt secret, ikm e*e'),
//	    "RUD1 roll" 0 | H(initiator's Roll value | responder's), 32)
func Roll(secret key.Secret, shared, initiator, responder []byte) key.Secret {
	h := sha256.New()
	h.Write(initiator)
	h.Write(responder)
	return expand(extract(secret[:], shared), labelRoll+string(h.Sum(nil)))
}

// ResetToken is the token of the initiator with that static key and data id:
// HMAC-SHA-256(reset key, "RUD1 reset" 0 | s_I | initiator data id)[:16]. It is
// made in the handshake, for each new id, and again after a restart.
func ResetToken(reset key.Secret, initiator key.Agreement, id wire.ID) [wire.SizeResetToken]byte {
	mac := hmac.New(sha256.New, reset[:])
	mac.Write([]byte(labelReset))
	mac.Write(initiator.Raw())
	mac.Write(id[:])
	return [wire.SizeResetToken]byte(mac.Sum(nil))
}

func extract(salt, ikm []byte) []byte {
	prk, err := hkdf.Extract(sha256.New, ikm, salt)
	if err != nil {
		panic("handshake: HKDF-Extract with SHA-256: " + err.Error()) // only a FIPS build that refuses the salt's length
	}
	return prk
}

func expand(prk []byte, info string) key.Secret {
	out, err := hkdf.Expand(sha256.New, prk, info, key.SecretSize)
	if err != nil {
		panic("handshake: HKDF-Expand to 32 bytes: " + err.Error()) // only for more than 8160 bytes
	}
	return key.Secret(out)
}
