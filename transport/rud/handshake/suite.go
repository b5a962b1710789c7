package handshake

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/cpu"

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

// suites are the ones offered. Every responder has those of X25519, and those of
// X448 when it has a key of that curve.
var suites = [...]suite{
	{wire.SuiteX25519AESGCM, key.X25519, aesGCM},
	{wire.SuiteX25519ChaCha20, key.X25519, chaCha20},
	{wire.SuiteX448AESGCM, key.X448, aesGCM},
	{wire.SuiteX448ChaCha20, key.X448, chaCha20},
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

// Offered reports whether the machines speak the suite.
func Offered(s wire.Suite) bool { return findSuite(s) != nil }

// Preferred returns the suite of the curve that an initiator names when it has no
// reason to name another: AES-256-GCM where the processor has AES, else
// ChaCha20-Poly1305. It is 0 for an unknown curve.
//
// Without its instructions AES is slow, and a table of it tells its key to whoever
// shares the cache.
func Preferred(c key.Curve) wire.Suite {
	aead := wire.Suite(0x02)
	if hasAES() {
		aead = 0x01
	}
	if s := findSuite(wire.Suite(c)<<4 | aead); s != nil {
		return s.id
	}
	return 0
}

func hasAES() bool {
	switch runtime.GOARCH {
	case "amd64", "386":
		return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ
	case "arm64":
		return cpu.ARM64.HasAES && cpu.ARM64.HasPMULL
	case "s390x":
		return cpu.S390X.HasAES && cpu.S390X.HasGHASH
	}
	return runtime.GOARCH == "ppc64le"
}

// NewAEAD returns the suite's AEAD under the key.
func NewAEAD(s wire.Suite, k *key.Secret) (cipher.AEAD, error) {
	found := findSuite(s)
	if found == nil {
		return nil, fmt.Errorf("make the AEAD of suite %v: %w", s, errNotOffered)
	}
	return found.aead(k)
}

var errNotOffered = errors.New("not offered")

func aesGCM(k *key.Secret) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func chaCha20(k *key.Secret) (cipher.AEAD, error) { return chacha20poly1305.New(k[:]) }

// CurveOf returns the curve of a suite, 0 for one that is not offered.
func CurveOf(s wire.Suite) key.Curve {
	if found := findSuite(s); found != nil {
		return found.curve
	}
	return 0
}

// NewEphemeral draws a private key of the suite's curve from r, nil for the
// system's randomness, as each of the handshake's and of Roll's.
func NewEphemeral(s wire.Suite, r io.Reader) (*key.Static, error) {
	return drawKey(CurveOf(s), source(r))
}

// newKey draws a private key of the suite's curve from r.
func (s *suite) newKey(r io.Reader) (*key.Static, error) { return drawKey(s.curve, r) }

func drawKey(curve key.Curve, r io.Reader) (*key.Static, error) {
	raw := make([]byte, curve.Size())
	defer clear(raw)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	return key.EphemeralFromSeed(curve, raw)
}
