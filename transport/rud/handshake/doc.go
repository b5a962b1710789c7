// Package handshake is RUD's key exchange as pure machines: bytes and a
// monotonic time in, bytes and a Result out. It sends nothing and owns no timer.
// The layouts of its packets are in package wire.
//
// # Words
//
// s: a static key. k: the responder's ephemeral of a generation, shared by all
// initiators of that time. e: the initiator's ephemeral, of one packet. f: the
// responder's, of one packet. s_R, s_I, k_R, e_I, f_R say whose. A slot is ten
// seconds.
//
// # Modes
//
//	initiator                                          responder
//
//	First Contact
//	Hello               16 zeros, 1200 or 548  ----->  keeps nothing
//	                                 id, 164   <-----  Challenge
//	Complete    16 zeros, as long as the Hello ----->  provisional connection
//	               id, no longer than Complete <-----  ResponderComplete
//	Data                            number 1   ----->  proved connection
//
//	Immediate, Ticketed
//	Exchange            16 zeros, 1200 or 548  ----->  provisional connection
//	               id, no longer than Exchange <-----  ResponderComplete
//	Data                            number 1   ----->  proved connection
//
//	Deferred
//	Exchange            16 zeros, 1200 or 548  ----->  keeps nothing
//	                                 id, 164   <-----  Challenge
//	and on as First Contact, the Exchange in the place of the Hello
//
//	mode            as Noise                                              when
//	First Contact   <- s, k; -> e, es, ek, s; <- e, ee, se                the initiator has no static key of the responder
//	Immediate       IK: <- s; -> e, es, s, ss; <- e, ee, se               it has
//	Deferred        First Contact's                                       the responder asks for it
//	Ticketed        KKpsk0: -> s; <- s; -> psk, e, es, ss; <- e, ee, se   both hold a ticket
//
// In First Contact and Deferred s and k of the responder come in the Challenge; no
// byte is sealed under k, it only ever opens the initiator's section. The payloads
// of Complete and of the ResponderComplete to it are empty. An Exchange may carry
// one message, a Heartbeat, an EndpointRequest or a Resolve, and the
// ResponderComplete its answer; in Deferred, and with no answer, the initiator sends
// it again in Data.
//
// What a mode gives: in all of them both prove their static keys by the time the
// first Data opens, and the secret has e*f in it, so that keys stolen later open
// nothing. Before that, who has stolen s_R can make anyone's Exchange, for es and ss
// need no other key of the responder's, and can read what any Exchange carried.
// Hence only messages that may run twice, for anybody, with no secret in them.
//
// # Key schedule
//
// H = SHA-256; x*y = the curve, all zeros aborts; 0 after a label is one zero
// byte. Offsets are for X25519.
//
//	hash(b): h = H(h | b)               mix(x): ck = HKDF-Extract(salt ck, ikm x)
//	key(label) = HKDF-Expand(ck, label 0 | h, 32)
//	seal(label): AEAD key(label), nonce 12 zeros, AAD h; afterwards hash(ciphertext and tag)
//
//	First Contact, Deferred
//	    h = h1 = H("RUD1 hello" 0 | Hello or Exchange, every byte); hash(Challenge, every byte); ck = h
//	    Complete        hash(bytes 0-115) [e]; mix(e_I*s_R) [es]; mix(e_I*k_R) [ek]; seal "RUD1 complete" [s]
//	Immediate
//	    h = H("RUD1 exchange" 0 | s_R); ck = h
//	    Exchange        hash(bytes 0-115) [e]; mix(e_I*s_R) [es]; seal "RUD1 mezzanine" [s]; mix(s_I*s_R) [ss];
//	                    seal "RUD1 exchange"
//	Ticketed
//	    h = H("RUD1 exchange" 0 | s_R | s_I); ck = h; mix(the ticket's secret) [psk]
//	    Exchange        hash(bytes 0-115) [e]; mix(e_I*s_R) [es]; mix(s_I*s_R) [ss]; seal "RUD1 exchange"
//	all
//	    ResponderComplete   hash(bytes 0-41) [e]; mix(e_I*f_R) [ee]; mix(s_I*f_R) [se]; seal "RUD1 answer"
//	    then                secret = key("RUD1 data"); ck, e_I and f_R are dropped
//
// Data keys come from the secret: [Keys], [Roll].
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
// stale. A responder's fingerprint is of its X25519 key; its keys of both curves are the
// Agreements of its node card (package record). Whoever dials under X448 without the card
// meets an unknown key.
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
// # The initiator
//
//	          Challenge (at most 4)        ResponderComplete
//	Hello ---------------------> Complete -------------------> Result
//	  ^                             |
//	  +--- 8 s without an answer ---+   new handshake id, Hello and e_I
//	  |
//	  +--- 2 s without an answer ---+   (a ticket: 8 s)
//	                                |
//	Exchange -----------------------+------------------------> Result
//	  |       Challenge (at most 4)        ResponderComplete      ^
//	  +--------------------------> Complete ----------------------+  Deferred
//
// Hello, Exchange and Complete are sent again every 500 ms (+- 10%) for 15 s, then
// every 5 s; the first two first packets have 1200 bytes, the others 548. Complete
// and Exchange are built once, with an e_I of their own, and sent again byte for
// byte: two of them under one e_I would be two seals under one key. So the Exchange
// of 548 bytes is another one, with another e_I, under the same handshake id; a
// payload that it cannot hold stays behind. A ResponderComplete is tried against
// every Exchange and Complete of its attempt, and the first that it opens wins;
// where there was no payload an answer to it drops. [Initiator.Next] holds the
// schedule, its owner the timer.
//
// The order of its checks:
//
//	Challenge          handshake id; length, which is that of the suite it names; type, version, suite; h1 is the
//	                   hash of a first packet of this attempt; not answered before; at most 4; s_R is the pinned
//	                   key, or has the fingerprint; only then es, ek
//	ResponderComplete  handshake id; something was sent that it answers; length, at least 54 + L and not above
//	                   what it answers; type, version; ee, se, seal; body, and a data id that is not zeros
//
// OURS: the 15 s count from the first packet, over all attempts, so that a
// responder that never completes is not asked twice a second for ever; an
// attempt begins with the size that the one before ended with; every Complete of
// an attempt is sent again, so that a forged Challenge that came first does not
// stop the true one; a Challenge to an attempt that is over is not answered, a
// ResponderComplete is.
//
// OURS: an Exchange that goes unanswered for 2 s, two tries of each size, is given
// up for an attempt that begins with a Hello. There are answers that an Exchange
// does not get: from a node that has another key now, which only a Challenge shows;
// from one that is quiet and in doubt; from one that had it from another address
// first. A Hello gets one from all of them. And the time in an Exchange is never
// more than a slot old, however long somebody dials, so resending makes no doubt.
//
// OURS: an Exchange under a ticket has 548 bytes from the start and stays the same
// for 8 s: a second one under the same ticket is worth nothing when the first was
// redeemed and its answer lost. Then 8 s of Hellos, for that case; then, while the
// ticket lives, Exchanges again, for a redeemer that answers no Hello, or was not
// there yet.
//
// # The responder
//
// A Hello leaves no state. The challenge value carries the hash of the Hello
// under a MAC over source and handshake id, and the Complete brings it back: in the
// slot that the value names or one of the two after it. A
// generation is k_R, MAC key, s_R and card hash: shown for two minutes, answered
// for four. Slots and generations count from random starts. What is kept of a
// Complete with a valid value is 16 bytes of keyed hash of its e_I, for its three
// slots; then the owner keeps the provisional connection and its answer ([Table]).
// OURS: the hash is of the value's MAC, too: an e_I that was seen on its way and sent
// first, under another value, is another Complete, and does not silence the true one.
//
// The order of checks. What costs nothing comes first, no curve is touched before
// the last line, and a packet that fails leaves nothing behind, but that a Complete
// has its e_I noted before its section is opened.
//
//	Hello       length, 16 zeros, type, version and handshake id, suite, expect (quiet), bucket, padding zero,
//	            h1, MAC, answer
//	Complete    length, 16 zeros, type, version and handshake id, suite; value version, slot, generation; MAC;
//	            e_I seen? (same bytes and source, still provisional: stored answer; else silence); bucket;
//	            room for one more provisional; note e_I;
//	            es, ek, section; body; only then f_R, ee, se, seal
//	Exchange    length, 16 zeros, type, version and handshake id, suite, 37 zeros; bucket;
//	            e_I seen? (same bytes and source, still provisional: stored answer; else silence);
//	            slot in doubt, queue full, memory full, no room: Challenge;
//	            ticket known, not expired, ours to redeem; more than 500 this second (X448 counts 3): Challenge;
//	            es, mezzanine, ss, section; body; note e_I, or redeem the ticket; run the payload; only then
//	            f_R, ee, se, seal
//
// An Exchange proves less than a Complete: its source may be forged, and it may be a
// recording. So its answers count against the bucket of the address, the stored ones
// too; the connection's source is not validated (Result.Validated), and such
// connections get a part of the room only; and nothing is kept of one that does not
// open, so that whoever garbles one on its way stops nothing.
//
// Nothing is answered twice. With c the slot that an Exchange names (Unix seconds /
// 10), w that of our wall clock and n how many slots ago we started, it is in doubt
// and gets a Challenge unless
//
//	|w - c| <= 12;  c > w - n + 12;  c >= floor
//
//	floor = the slot of our start + 13; raised to w - 12 when an e_I is noted; never lowered
//
// The e_I of what was answered are kept by c for the 25 slots above floor, 2^16 in
// all. Before our start we answered nothing with a c above the slot of our start +
// 12; what floor has passed is never answered again. So clocks that go back, that
// were wrong at our start or for a moment, make doubt and no replay. A clock that was
// ahead when we went down and is behind when we come up is beyond this: it takes a
// disk, and what runs twice then is a message that may.
//
// Busy: the owner's queue is an eighth full, and for a second after. OURS: a full
// memory of e_I gives Challenges to Exchanges where rud.md has silence; a Challenge
// keeps nothing either, and lets the honest in. OURS: a quiet node in doubt opens the
// mezzanine first, within the 500 a second: who sealed it knows our key, as expect
// shows in a Hello; to all others it is silent.
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
// # Tickets
//
// A ticket is made by a third party for two devices: both static keys, an id, a
// secret, an expiry, where the redeemer may be reached and who that is
// ([Ticket.Append] draws it). Its id travels in clear and says which secret to mix;
// the secret is a pre-shared key and never an identity: both prove the static keys
// that the ticket names, and no other key opens anything.
//
// Exactly one side redeems a ticket, the other opens: as it says, or else the one
// with the lower SHA-256(curve byte | static key) opens, the byte 1 for X25519 and 2
// for X448. rud.md has that rule for when both open at once; OURS: it holds always, so
// that they never do. It is redeemed once: [Tickets] stores the id with Sync before the
// answer leaves, and then there is none a second time, but the stored answer to the
// same bytes and source.
// OURS: that stops replays better than slots do, so the time in an Exchange under a
// ticket is not looked at, and its e_I is not kept.
//
// A ticketed Exchange may be deferred as any other, by a full queue or room. The
// connection is then First Contact's between the same keys, without the ticket's
// secret, and the ticket is not redeemed: Result says so.
package handshake
