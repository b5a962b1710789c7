package key

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// ErrPassphrase means that a key file does not open with this passphrase.
var ErrPassphrase = errors.New("wrong passphrase")

// ErrEncrypted means that a key file is under a passphrase and none was given.
var ErrEncrypted = errors.New("key file is under a passphrase")

// cost is what Argon2id spends on one guess (RFC 9106).
type cost struct {
	time    uint32 // passes
	memory  uint32 // KiB
	threads uint8
}

// OURS: the second choice of RFC 9106 section 4, 64 MiB and three passes, so
// that a small household node can open its own file.
var usualCost = cost{time: 3, memory: 64 << 10, threads: 4}

// Our limits: what a file may ask of the reader, so that a file from elsewhere
// (account restore) cannot take all memory or the whole evening.
const (
	maxTime    = 10
	maxMemory  = 256 << 10 // KiB
	maxThreads = 16
)

const saltSize = 16

func (c cost) check() error {
	if c.time < 1 || c.time > maxTime || c.threads < 1 || c.threads > maxThreads ||
		c.memory < 8*uint32(c.threads) || c.memory > maxMemory {
		return fmt.Errorf("%w: argon2id %d %d %d is out of bounds", ErrFile, c.time, c.memory, c.threads)
	}
	return nil
}

func (c cost) key(passphrase, salt []byte) []byte {
	return argon2.IDKey(passphrase, salt, c.time, c.memory, c.threads, chacha20poly1305.KeySize)
}

// sealFile returns nonce (24) | ciphertext and tag.
func sealFile(c cost, passphrase, salt, aad, private []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(c.key(passphrase, salt))
	if err != nil {
		return nil, err
	}
	nonce := randomBytes(aead.NonceSize())
	return aead.Seal(nonce, nonce, private, aad), nil
}

// openFile undoes sealFile; what does not open is ErrPassphrase, since a wrong
// passphrase and a damaged file cannot be told apart.
func openFile(c cost, passphrase, salt, aad, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(c.key(passphrase, salt))
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, ErrPassphrase
	}
	private, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], aad)
	if err != nil {
		return nil, ErrPassphrase
	}
	return private, nil
}
