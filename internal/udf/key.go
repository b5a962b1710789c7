package udf

// Curve is a curve a fingerprinted key is on. Its value is the algorithm's number in a key seed, UDF-13 §4.4.
type Curve byte

// The curves of RFC 7748 and RFC 8032.
const (
	X25519  Curve = 1
	X448    Curve = 2
	Ed25519 Curve = 3
	Ed448   Curve = 4
)

// String is the curve's name, or "unknown curve".
func (c Curve) String() string {
	switch c {
	case X25519:
		return "X25519"
	case X448:
		return "X448"
	case Ed25519:
		return "Ed25519"
	case Ed448:
		return "Ed448"
	}
	return "unknown curve"
}

// PublicSize is the length of a public key in the form that is fingerprinted, or 0 for an unknown curve. An X448 key
// is 57 octets there, u and then 0x80 when v is odd, although RFC 7748 sends 56.
func (c Curve) PublicSize() int {
	switch c {
	case X25519, Ed25519:
		return 32
	case X448, Ed448:
		return 57
	}
	return 0
}

// oid is the last octet of the curve's object identifier 1.3.101.x, RFC 8410 §3.
func (c Curve) oid() byte { return 0x6d + byte(c) }

// maxDER holds the DER of the largest key, so that fingerprinting does not allocate.
const maxDER = 96

// Key is the fingerprint of a public key. Public has the curve's PublicSize, and any other length gives a
// fingerprint that no key has. The curve takes no part: the reference writes Ed25519's identifier for all four.
func Key(curve Curve, public []byte) Fingerprint {
	var buf [maxDER]byte
	return Digest(contentKey, appendDER(buf[:0], currentIdentifier[:], public))
}

// KeyLegacy is the fingerprint that the reference gave the same key before September 2024.
func KeyLegacy(curve Curve, public []byte) Fingerprint {
	var buf [maxDER]byte
	id := legacyIdentifier(curve)
	return Digest(contentKey, appendDER(buf[:0], id[:], public))
}

// OID is the O sequence of a public key, 112 and then the DER that Key digests.
func OID(curve Curve, public []byte) []byte {
	return appendDER([]byte{byte(OIDSequence)}, currentIdentifier[:], public)
}

// currentIdentifier is SEQUENCE { OID 1.3.101.112 }, Ed25519's, for every curve.
var currentIdentifier = [...]byte{0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70}

// legacyIdentifier is SEQUENCE { OID of the curve, NULL }.
func legacyIdentifier(c Curve) [9]byte {
	return [...]byte{0x30, 7, 0x06, 3, 0x2b, 0x65, c.oid(), 0x05, 0}
}

// appendDER appends SEQUENCE { identifier, BIT STRING { 00, OCTET STRING { public } } }. RFC 8410 has no octet
// string there; the reference does. All lengths fit one octet for keys of up to 120.
func appendDER(b, identifier, public []byte) []byte {
	n := byte(len(public))
	b = append(b, 0x30, byte(len(identifier))+5+n)
	b = append(b, identifier...)
	b = append(b, 0x03, n+3, 0x00, 0x04, n)
	return append(b, public...)
}
