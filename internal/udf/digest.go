package udf

import (
	"crypto/sha3"
	"crypto/sha512"
	"fmt"
	"math/bits"
)

var errLength = fmt.Errorf("parsing a fingerprint that is not of 28 characters: %w", ErrSyntax)

// Content types that the reference gives its own digests. They are the names of its constants, not the media types
// that the drafts print beside them.
const (
	contentKey        = "PKIXKey"
	contentEncryption = "UDFEncryption"
	contentEnvelope   = "application/mmm/envelopeid"
	contentResponse   = "application/mmm/responseid"
)

// Digest is the SHA2-512 fingerprint (M) of data of a content type, such as "text/plain".
func Digest(contentType string, data []byte) Fingerprint {
	inner := sha512.Sum512(data)
	return typed(ContentSHA2, sha512.Sum512(typedInput(contentType, inner[:])))
}

// DigestSHA3 is the SHA3-512 fingerprint (K) of data of a content type.
func DigestSHA3(contentType string, data []byte) Fingerprint {
	inner := sha3.Sum512(data)
	return typed(ContentSHA3, sha3.Sum512(typedInput(contentType, inner[:])))
}

// typedInput is the input of the outer digest: contentType ":" inner.
func typedInput(contentType string, inner []byte) []byte {
	b := make([]byte, 0, 128) // on the stack for every content type of ours
	b = append(b, contentType...)
	b = append(b, ':')
	return append(b, inner...)
}

// typed is the fingerprint of an outer digest, with the type octet that says its compression.
func typed(t Type, digest [64]byte) Fingerprint {
	var f Fingerprint
	f[0] = byte(t) + compression(digest[:])
	copy(f[1:], digest[:])
	return f
}

// compression is what a digest adds to its type octet for the zero bits at its end. UDF-13 §3.4.1 counts "20, 30, 40
// or 50 trailing zero bits".
//
// OURS: the reference tests 48 bits where it means 40 and gives +4 only to exactly 56 or 57, by slips. Nobody can
// find such a digest, so the draft's thresholds stand.
func compression(digest []byte) byte {
	zeros := trailingZeros(digest)
	for i, threshold := range []int{50, 40, 30, 20} {
		if zeros >= threshold {
			return byte(4 - i)
		}
	}
	return 0
}

func trailingZeros(b []byte) int {
	zeros := 0
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			return zeros + bits.TrailingZeros8(b[i])
		}
		zeros += 8
	}
	return zeros
}
