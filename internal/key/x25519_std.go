//go:build !amd64 || purego

package key

import "crypto/ecdh"

// x25519Key is an X25519 key of crypto/ecdh, which is the fastest where circl has
// no assembly.
type x25519Key struct{ private *ecdh.PrivateKey }

// newX25519 takes 32 bytes and returns the public key too.
func newX25519(raw []byte) (x25519Key, []byte, error) {
	private, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return x25519Key{}, nil, err
	}
	return x25519Key{private}, private.PublicKey().Bytes(), nil
}

// agree reports false for a point of small order, whose secrets are all zeros.
func (k *x25519Key) agree(peer []byte) ([]byte, bool) {
	public, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		return nil, false
	}
	shared, err := k.private.ECDH(public)
	return shared, err == nil
}

func (k *x25519Key) raw() []byte { return k.private.Bytes() }

// std is the key as crypto/hpke wants it.
func (k *x25519Key) std() (*ecdh.PrivateKey, error) { return k.private, nil }
