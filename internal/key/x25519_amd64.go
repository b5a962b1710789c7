//go:build !purego

package key

import (
	"bytes"
	"crypto/ecdh"

	"github.com/cloudflare/circl/dh/x25519"
)

// x25519Key is the scalar of an X25519 key. On amd64 circl's assembly takes two
// thirds of the time of crypto/ecdh for an agreement and half of it for a public
// key, whose ladder has its steps in a table; both run in constant time. Handshakes
// are little else.
type x25519Key struct{ scalar x25519.Key }

// newX25519 takes 32 bytes and returns the public key too.
func newX25519(raw []byte) (x25519Key, []byte, error) {
	k := x25519Key{x25519.Key(raw)}
	var public x25519.Key
	x25519.KeyGen(&public, &k.scalar)
	return k, public[:], nil
}

// agree reports false for a point of small order, whose secrets are all zeros.
func (k *x25519Key) agree(peer []byte) ([]byte, bool) {
	var shared x25519.Key
	ok := x25519.Shared(&shared, &k.scalar, (*x25519.Key)(peer))
	return shared[:], ok
}

func (k *x25519Key) raw() []byte { return bytes.Clone(k.scalar[:]) }

// std is the key as crypto/hpke wants it.
func (k *x25519Key) std() (*ecdh.PrivateKey, error) { return ecdh.X25519().NewPrivateKey(k.scalar[:]) }
