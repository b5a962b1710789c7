package udf

import (
	"crypto/rand"
	"crypto/sha512"
	"fmt"
	"io"
)

// nonceBytes is the size of a nonce that its text of 28 characters holds whole. OURS: the reference draws 17, whose
// last 4 bits its own text loses.
const nonceBytes = 16

// locatorBits is the precision of an EARL's locator, twice the default.
const locatorBits = 2 * DefaultBits

// Nonce is the text of a new nonce (N) of 128 bits from random, or from the system when random is nil.
func Nonce(random io.Reader) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	b := make([]byte, 1+nonceBytes)
	b[0] = byte(NonceValue)
	if _, err := io.ReadFull(random, b[1:]); err != nil {
		return "", fmt.Errorf("drawing a nonce: %w", err)
	}
	return Full(b), nil
}

// EnvelopeID is the identifier of the envelope of a message, whose own identifier is the text of a nonce.
func EnvelopeID(messageID string) (string, error) {
	return nonceDigest(contentEnvelope, messageID)
}

// ResponseID is the identifier of the response to a message, so that whoever asked can look for it.
func ResponseID(messageID string) (string, error) {
	return nonceDigest(contentResponse, messageID)
}

func nonceDigest(contentType, nonce string) (string, error) {
	b, err := ParseType(nonce, NonceValue)
	if err != nil {
		return "", err
	}
	return Digest(contentType, b[1:]).String(), nil
}

// Symmetric is the E sequence of a symmetric key. It is a secret.
func Symmetric(key []byte) []byte {
	return append([]byte{byte(Encryption)}, key...)
}

// SymmetricID is the public identifier of a symmetric key, at 140 bits. It begins EB: the octets of an E and of an M
// type, and then SHA512("UDFEncryption:" key), without an inner digest of the key.
func SymmetricID(key []byte) string {
	digest := sha512.Sum512(typedInput(contentEncryption, key))
	b := append([]byte{byte(Encryption), byte(ContentSHA2)}, digest[:]...)
	return Format(b, DefaultBits)
}

// Locator is the name under which a document encrypted with a key can be found without showing the key: the digest
// of the text of the E sequence, dashes and all, at 280 bits.
func Locator(key string) (string, error) {
	if _, err := ParseType(key, Encryption, EncryptionSigning); err != nil {
		return "", err
	}
	return Digest(contentEncryption, []byte(key)).Text(locatorBits), nil
}
