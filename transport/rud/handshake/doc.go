// Package handshake is RUD's key exchange as pure machines: bytes and a
// monotonic time in, bytes and a Result out. It sends nothing and owns no timer.
//
// # First Contact
//
//	initiator                                          responder
//	Hello               16 zeros, 1200 or 548  ----->  keeps nothing
//	                                 id, 164   <-----  Challenge
//	Complete    16 zeros, as long as the Hello ----->  provisional connection
//	               id, no longer than Complete <-----  ResponderComplete
//	Data                            number 1   ----->  proved connection
//
// As Noise: <- s, k; -> e, es, ek, s; <- e, ee, se. The responder's s is its
// static key and k an ephemeral of a generation, both in the Challenge; k only
// ever opens the initiator's section. The layouts are in package wire.
//
// # Key schedule
//
// H = SHA-256; x*y = the curve, all zeros aborts; 0 after a label is one zero
// byte.
//
//	hash(b): h = H(h | b)               mix(x): ck = HKDF-Extract(salt ck, ikm x)
//	key(label) = HKDF-Expand(ck, label 0 | h, 32)
//	seal(label): AEAD key(label), nonce 12 zeros, AAD h; afterwards hash(ciphertext and tag)
//
//	h = h1 = H("RUD1 hello" 0 | Hello, every byte); hash(Challenge, every byte); ck = h
//	Complete            hash(bytes 0-115) [e]; mix(e_I*s_R) [es]; mix(e_I*k_R) [ek]; seal "RUD1 complete" [s]
//	ResponderComplete   hash(bytes 0-41) [e]; mix(e_I*f_R) [ee]; mix(s_I*f_R) [se]; seal "RUD1 answer"
//	then                secret = key("RUD1 data"); ck, e_I and f_R are dropped
//
// Data keys come from the secret: [Keys], [Roll].
//
// # The initiator
//
//	          Challenge (at most 4)        ResponderComplete
//	Hello ---------------------> Complete -------------------> Result
//	  ^                             |
//	  +--- 8 s without an answer ---+   new handshake id, Hello and e_I
//
// Hello and Complete are sent again every 500 ms (+- 10%) for 15 s, then every
// 5 s; the first two Hellos have 1200 bytes, the others 548. Complete is built
// once for each Challenge and sent again byte for byte. [Initiator.Next] holds
// the schedule, its owner the timer.
//
// OURS: the 15 s count from the first Hello, over all attempts, so that a
// responder that never completes is not asked twice a second for ever; an
// attempt begins with the size that the one before ended with; every Complete of
// an attempt is sent again, so that a forged Challenge that came first does not
// stop the true one; a Challenge to an attempt that is over is not answered, a
// ResponderComplete is.
//
// # The responder
//
// A Hello leaves no state. The challenge value carries the hash of the Hello
// under a MAC over source and handshake id, and the Complete brings it back. A
// generation is k_R, MAC key, s_R and card hash: shown for two minutes, answered
// for four. Slots of ten seconds and generations count from random starts. What
// is kept of a Complete with a valid value is 16 bytes of keyed hash of its e_I,
// for its three slots; then the owner keeps the provisional connection and its
// answer ([Table]).
//
// OURS: a generation is made by the first Hello that needs it, not by a timer,
// so that a node nobody greets makes no keys.
//
// OURS: Completes with a valid challenge value and a new e_I have address buckets
// of their own, as large as those of Hellos. rud.md counts only packets without
// a valid value; but one address may send as many Completes under one value as it
// has ephemerals, each costs two agreements and a place in the memory of e_I, and
// 2^16 of them would silence the node for everybody until the next slot. An
// honest Complete follows a Challenge, so no honest one is lost.
//
// # Suites
//
//	byte   curve (L)     AEAD of sections and data   header key
//	0x11   X25519 (32)   AES-256-GCM                 AES-256
//	0x12   X25519 (32)   ChaCha20-Poly1305           AES-256
//	0x21   X448 (56)     AES-256-GCM                 AES-256
//	0x22   X448 (56)     ChaCha20-Poly1305           AES-256
//
// All keys have 32 bytes, nonces 12 and tags 16; H is SHA-256 and a key of X448 is
// its u alone. The initiator names one suite, and a responder that does not offer
// it, or has no static key of the curve, is silent: nothing is negotiated, so there
// is nothing to talk down. The byte is in the first packet, which h1 is the hash of,
// in the Challenge and in the Complete; ResponderComplete names none, its key does.
//
// OURS: an initiator prefers AES where the processor has it ([Preferred]), because
// both are as strong and AES without its instructions is slow and leaks its key to
// the cache. The curve is that of the responder's key, if it is known, and X25519
// otherwise: a fingerprint does not say which of a node's keys Challenges will show.
//
// A responder has a static key of X25519 and may have one of X448; a generation has
// a k_R of each, all fixed together, X448's made when a Hello or a deferred Exchange
// first asks for it. A Complete under a curve that the generation never showed is
// stale.
//
// A point is what RFC 7748 section 5 makes of its bytes: reduced, and the unused bit
// of X25519 ignored. But the bytes as sent are what is hashed, pinned and compared,
// so another writing of a key is another key, and who changes one in flight ends the
// handshake. An agreement of all zeros aborts, whoever chose the point.
//
// OURS: expect of an X448 key. Its fingerprint covers a byte that RUD does not carry,
// the sign of v. An initiator that does not know it takes v for even, and a quiet
// responder answers to both.
//
// # Seams
//
// A mode is a flight: Deferred is First Contact with another first packet in
// beginFirst, and every mode ends in Responder.answer and Initiator.finish. A
// suite is a line in suites.
package handshake
