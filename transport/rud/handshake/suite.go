package handshake

import (
	"crypto/aes"
	"crypto/cipher"
	"io"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// suite is what a suite byte stands for. A new suite is a line in suites: every
// length and key of the machines comes from here or from wire.Suite.KeySize.
type suite struct {
	id    wire.Suite
	curve key.Curve
	aead  func(key *key.Secret) (cipher.AEAD, error)
}

// suites are the ones offered, the one that initiators name first. OURS: only
// one, which every peer has; X448 would cost three times the agreements.
var suites = []suite{
	{wire.SuiteX25519AESGCM, key.X25519, aesGCM},
}

// findSuite returns the suite offered under that byte, or nil.
func findSuite(id wire.Suite) *suite {
	for i := range suites {
		if suites[i].id == id {
			return &suites[i]
		}
	}
	return nil
}

func aesGCM(k *key.Secret) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// newKey draws a private key of the suite's curve from r.
func (s *suite) newKey(r io.Reader) (*key.Static, error) {
	raw := make([]byte, s.curve.Size())
	defer clear(raw)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	return key.StaticFromSeed(s.curve, raw)
}
