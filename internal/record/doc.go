// Package record holds the signed fact: what an account, a device, a node or a
// realm says of itself, in a form that anyone can check and no node can change.
//
// # Layout
//
// An encoded fact is a JSON-B object of exactly these members (facts.md, The
// record), at most 7,000 bytes, a device fact at most 600:
//
//	Kind       string
//	Realm      binary 32   SHA-256 of the realm's key: host, node, member, expelled, realm; absent for the rest
//	Body       binary      a JSON-B object
//	Signature  binary      64 bytes (Ed25519) or 114 (Ed448)
//
// Signed are the bytes
//
//	"mpp/1" 0x00 kind 0x00 realm body
//
// and SHA-256 of them is the fact's hash. The body stays as it was received and
// is never encoded again. It is read strictly: no member twice at any depth,
// every member of the base and of the kind that is not marked optional there,
// sizes and counts bounded, nothing after the object; members that we do not
// know are allowed and kept. Every body begins with the base:
//
//	Author     binary      1 Ed25519 | 32, or 2 Ed448 | 57
//	Serial     int         not negative
//	Time       DateTime
//	Expires    DateTime    exactly for kinds with a life
//	Account    binary 32   SHA-256 of the account's Author bytes; absent for node, member, expelled, realm
//
// and the comment at each kind's type names its own members:
//
//	kind      key                                author                     life
//	device    account, device                    the account's key          -
//	revoked   account, hash                      the account's key          -
//	epoch     account, public half               the account's key          -
//	home      account                            the account's key          -
//	policy    account                            the account's key          -
//	contact   account, capability                the account's key          -
//	attach    account, device                    the device                 2 d
//	event     account, publisher, tag, or        the publisher              7 d
//	          account, publisher, channel, sequence
//	host      account, node                      the node, Ed25519          30 d
//	node      node                               the node, Ed25519          2 d
//	member    realm, node                        the realm's key            -
//	expelled  realm, node                        the realm's key            -
//	realm     realm                              the realm's key            -
//
// # What counts
//
// Of the facts with one [Key] the greatest (Serial, then hash) counts: [Fact.Newer].
// That is a total order, so what counts is a function of the set of facts and
// not of their arrival. What is revoked, who is a member and whether a device
// belongs to an account take other facts to say: those are the registry's.
//
// [Parse] checks form, sizes and the class of the author, [Fact.Verify] the
// signature, [Base.Expired] and [Fact.TooFar] the times. All four must hold.
//
// # Sealing
//
// HPKE base mode, DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, AES-256-GCM, one
// message a context, written enc 32 | ciphertext | tag 16 (facts.md, Sealing):
//
//	info               additional data                                        to
//	"mpp/1 event"      account | publisher | Serial or Sequence 8 big endian  the epoch
//	                   | SHA-256(channel)
//	"mpp/1 wrap"       account | epoch | device                               the device's X25519 key
//	"mpp/1 old"        account | epoch                                        the epoch itself
//	"mpp/1 contact"    account | SHA-256 that names the capability            the epoch
//
// account, publisher and device are hashes of keys, 32 bytes; epoch is the
// public half, 32 bytes.
//
// testdata/facts.txt holds a fact of each kind and facts to refuse, for any
// implementation to run.
package record
