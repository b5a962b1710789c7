// Package wire is the bytes of RUD over UDP: where each field of a packet
// stands, and nothing of what it means. It holds no key, no clock and no state,
// and parsing allocates nothing: what it returns aliases the packet.
//
// This is our profile of draft-hallambaker-mesh-rud; the HTTP binding has other
// packets but the same TLV primitives. All integers are big-endian. L is the
// length of a public key of the suite's curve: 32 for X25519, 56 for X448
// (plain u, no sign byte). Offsets below are for L = 32.
//
// # The first bytes
//
// 8 zero bytes begin a handshake packet towards the responder, and then the
// first 16 must be zero. Anything else begins with the 8-byte id that its
// RECEIVER issued: a handshake id (Challenge, ResponderComplete) or a data id.
// Ids are random and never 8 zero bytes. The type byte of a handshake packet
// stands at 16 towards the responder and at 8 towards the initiator.
//
//	type                to the responder   to the initiator
//	Error, Data         0, 1               0, 1               never over UDP
//	Hello               2
//	Exchange            3
//	Complete            4
//	Challenge                              2
//	ResponderComplete                      3
//
// # Handshake packets (each field: offset length name)
//
// Which of them follow each other, and what seals what, is told by package
// handshake. Version is 1 everywhere; a handshake id of zeros drops. h1 is the hash of
// the first packet, and stands in the challenge value.
//
//	HELLO, exactly 1200 or 548
//	    0 16 zeros | 16 1 type 2 | 17 1 version 1 | 18 1 suite | 19 8 initiator handshake id |
//	    27 32 expect | 59 n extension list | zeros to the end
//	CHALLENGE, 164 (X448 212)
//	    0 8 initiator handshake id | 8 1 type 2 | 9 1 version 1 | 10 1 suite | 11 L k_R | 43 L s_R |
//	    75 32 hash of the node card | 107 57 challenge value
//	CHALLENGE VALUE, 57
//	    0 1 version 1 | 1 4 slot | 5 4 generation | 9 32 h1 | 41 16 MAC
//	    The initiator reads h1 and returns the rest as it came. A MAC of ours is, under a key that never leaves,
//	    HMAC-SHA-256("RUD1 challenge" 0 | bytes 0-40 | source address 16, IPv4 mapped, and port 2 | initiator handshake id)[:16]
//	COMPLETE, as long as the first packet it answers
//	    0 16 zeros | 16 1 type 4 | 17 1 version 1 | 18 1 suite | 19 8 initiator handshake id |
//	    27 57 challenge value | 84 L e_I | 116 n sealed: s_I L, initiator data id 8, body | end-16 16 tag
//	EXCHANGE, exactly 1200 or 548
//	    0 16 zeros | 16 1 type 3 | 17 1 version 1 | 18 1 suite | 19 8 initiator handshake id |
//	    27 4 Unix seconds / 10 | 31 16 ticket id, or zeros for none | 47 37 zeros | 84 L e_I |
//	    without a ticket: 116 L+16 mezzanine, s_I sealed and its tag |
//	    164 (with a ticket 116) n sealed: initiator data id 8, body | end-16 16 tag
//	RESPONDER COMPLETE, never longer than what it answers
//	    0 8 initiator handshake id | 8 1 type 3 | 9 1 version 1 | 10 L f_R |
//	    42 n sealed: responder data id 8, reset token 16, body | end-16 16 tag
//
// Expect names the key that the initiator wants to meet. It is 32 zeros where none is
// known, and else
//
//	SHA-256("RUD1 expect" 0 | F)
//
// F is the fingerprint of the key as a node's address prints it, its first 140 bits: 17
// bytes, and the high half of an 18th whose low half is zero. How it is made of a key
// stands in package udf (Key; X25519 has 32 bytes there, X448 57, with the byte that RUD
// leaves out).
//
// The hash of the node card is that of the newest fact of kind node that the responder
// signed (package record), or zeros: a hint whether to ask for it, and proof of nothing.
//
// A handshake's extension lists hold nothing that must be there. Ours put StreamClient,
// "mmmpresence", into Complete and Exchange: it names the protocol, and its absence means
// the same; another value is a bad body, and silence. Unknown tags are ignored.
//
// The suite's high nibble is the curve (1 X25519, 2 X448), its low nibble the
// AEAD (1 AES-256-GCM, 2 ChaCha20-Poly1305).
//
// # Data packets, both directions, 44 to 1200
//
//	0 8 data id of the receiver | 8 16 header block | 24 n sealed body | end-16 16 tag
//
// or the same after a one-time id of 16 bytes: then 52 to 1200. In clear, the header block is
//
//	0 4 packet number | 4 1 flags | 5 1 (frame length - 1) << 4 + packet index | 6 2 frame index, low 16 bits |
//	8 2 newest frame packet number opened, low 16 bits | 10 6 bitmap of the 48 before it, bit i = newest - 1 - i
//
// and travels as one block of AES-256 under the stream's header key.
//
// # Body
//
//	extension list | payload (binary) | zeros to the end
//
// in the TLV primitives of the HTTP binding (reference.md 6.1): one byte of type
// << 4 + length code, then a count of 1, 2, 4 or 8 bytes for code 0, 1, 2, 3. An
// integer (0) is its count; a string (1), of UTF-8, and a binary (2) follow theirs. A list
// is string and binary by turns and ends with the empty string, 10 00. OURS: at
// most 16 entries, no tag twice, only the shortest lengths, so that a list has
// one encoding and a check that reads it costs little.
package wire
