// Package udf makes, parses and compares Uniform Data Fingerprints: short typed binary sequences and their base32
// text, as draft-hallambaker-mesh-udf-13 describes them and the author's implementation computes them. Where the two
// differ the implementation wins, because its printed vectors are what other programs reproduce.
//
// # Layout
//
// A sequence is one type octet and a value. Its text is base32 (RFC 4648, upper case, no padding) with a dash after
// every 4 characters. A sequence that is a digest is cut to the precision wanted: the text of n bits, type octet
// included, is the first ceil(n/5) characters, by default 140 bits, 28 characters, 34 with dashes.
//
//	octet     letter  value                                                    here
//	0, 1      A       HMAC-SHA2-512, HMAC-SHA3-512 output, or such a key       Keyed, SaltedPin, PinID
//	32, 33    E       symmetric key                                            Symmetric, SymmetricID, Locator
//	80..84    K       SHA3-512 content digest, 0 20 30 40 50 bits compressed   DigestSHA3
//	96..100   M       SHA2-512 content digest, compressed likewise             Digest, Key, KeyLegacy
//	104       N       nonce                                                    Nonce, EnvelopeID, ResponseID
//	112       O       DER of a public key                                      OID
//	144       S       share of a secret                                        Split, Combine
//	200       Z       seed of a key pair: 2-octet algorithm, seed              Derive
//
// A content digest of data with a content type is T = H(type ":" H(data)), after its type octet. T keeps its length;
// compression only says, in the octet, how many bits at its END are zero.
//
// A key fingerprint is the content digest, type "PKIXKey", of this DER, n the size of the key and always with the
// identifier of Ed25519, whatever the curve:
//
//	SEQUENCE { SEQUENCE { OID 1.3.101.112 }  BIT STRING { 00 || OCTET STRING { key, n bytes } } }
//
// The legacy form (before September 2024) has the curve's own identifier followed by a NULL.
//
// Sequences with a secret in them (A keys, E, S, Z) are plain bytes and strings here; whoever keeps them keeps them in
// a type that does not print. Shamir's arithmetic is not constant time: it is for a key's owner at her own desk.
package udf
