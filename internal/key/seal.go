package key

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
)

// SealOverhead is what Seal adds to a plaintext, in bytes: the encapsulated key
// (32) before it and the AEAD tag (16) after.
const SealOverhead = SizeX25519 + 16

// ErrSeal means that sealed bytes do not open with this key, info and aad.
var ErrSeal = errors.New("sealed bytes do not open")

// Seal encrypts to an X25519 key with HPKE base mode (RFC 9180):
// DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, AES-256-GCM, one message a
// context (facts.md, Sealing). The result is enc (32) | ciphertext and tag.
// A key of another curve is ErrKey: the suite is fixed.
func (a Agreement) Seal(info, aad, plaintext []byte) ([]byte, error) {
	if a.Curve() != X25519 {
		return nil, fmt.Errorf("seal to a key of %v: %w", a.Curve(), ErrKey)
	}
	raw, err := ecdh.X25519().NewPublicKey(a.Raw())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	public, err := hpke.NewDHKEMPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	enc, sender, err := hpke.NewSender(public, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		// The only way here is an all-zero agreement.
		return nil, fmt.Errorf("seal: %w", ErrAgreement)
	}
	ciphertext, err := sender.Seal(aad, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return append(enc, ciphertext...), nil
}

// Open decrypts what Seal made for this key with the same info and aad. Any
// difference, truncation or key of another curve is ErrSeal.
func (s *Static) Open(info, aad, sealed []byte) ([]byte, error) {
	if s.public.Curve() != X25519 || len(sealed) < SealOverhead {
		return nil, ErrSeal
	}
	x25519, err := s.private().x25519.std()
	if err != nil {
		return nil, ErrSeal
	}
	private, err := hpke.NewDHKEMPrivateKey(x25519)
	if err != nil {
		return nil, ErrSeal
	}
	recipient, err := hpke.NewRecipient(sealed[:SizeX25519], private, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		return nil, ErrSeal
	}
	plaintext, err := recipient.Open(aad, sealed[SizeX25519:])
	if err != nil {
		return nil, ErrSeal
	}
	return plaintext, nil
}
