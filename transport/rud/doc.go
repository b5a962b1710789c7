// Package rud is the Reliable User Datagram over UDP: connections between two
// static keys that carry frames of 1 to 16 packets, each way, once, over paths
// that change. It is sans-IO: packets and times in, packets and calls out.
//
// This comment, with those of packages wire (where each byte stands) and handshake
// (the key exchange), is the specification. Quotes are the sentences of it that
// the code obeys; tests repeat them. It is a profile of draft-hallambaker-mesh-rud
// ("the draft"), which leaves most bytes of UDP open; what we chose is marked
// OURS:. All integers are big-endian.
//
// # Using it
//
// One goroutine owns an [Endpoint]. It gives [Endpoint.Receive] every datagram,
// calls [Endpoint.Advance] when [Endpoint.Deadline] has come, and learns of
// connections and messages through its [Handler], which may call any method of
// [Conn] and [Endpoint.Dial] while it is called. Packets leave through Config.Send
// before the call returns. now is monotonic; nothing here reads a clock.
//
//	e, err := rud.NewEndpoint(rud.Config{Static: static, Listen: true, Send: port.Send, Handler: node})
//	for {
//		select {
//		case batch := <-received:
//			for _, m := range batch { e.Receive(now, m.From, m.Data) }
//		case <-timer:
//			e.Advance(now)
//		}
//		timer.Reset(e.Deadline())
//	}
//
// # Words
//
// Initiator: who dialled, also called the device; the other is the responder, or
// node. Stream: a pair of directions of a connection, each named by an 8-byte id that
// its RECEIVER issued, sealed: of the main stream in the handshake. Frame: one unit of payload (the
// draft's Datagram). Piece: the part of a frame in one packet. Path: an address
// pair; only the peer's address is known here.
//
// # Finding the stream
//
// The first 8 bytes decide everything:
//
//	8 zero bytes          a stranger: to the responder's handshake, if we listen
//	a data id of ours     to its connection
//	a handshake id        to the connection that dials
//	a one-time id         when any are issued: 16 bytes decrypted say which stream
//	anything else         silence, at the cost of one look into a table
//
// # Keys of a connection
//
// The handshake ends in one secret of 32 bytes. For each direction dir, "i2r" or
// "r2i", with id the receiver's data id and 0 one zero byte:
//
//	header key = HKDF-Expand-SHA-256(secret, "RUD1 header " dir 0 | id, 32)
//	packet key = HKDF-Expand-SHA-256(secret, "RUD1 packet " dir 0 | id, 32)
//
// These are the main stream's; a stream beside it has a secret of its own (Streams),
// and Roll changes them all.
//
// # Data packets
//
//	offset  0             8                        24                n-16       n
//	        | data id (8) | header block (16)      | body, sealed    | tag (16) |      44 <= n <= 1200
//
// A one-time id is 8 bytes longer, and so is the least n. The AEAD is that of the suite
// (package handshake), the header block's cipher AES-256 in all of them.
//
// The header block in clear:
//
//	offset  0            4       5                          6              8               10
//	        | number (4) | flags | pieces-1 << 4 | index    | frame (2)    | newest (2)    | bitmap (6)   |
//
//	number  of the packet, from 1 in each direction
//	flags   0x01 final      last frame of a message, on every piece
//	        0x02 no-frame   carries no frame
//	        0x04 probe      does not say where the sender is
//	        0x18 cut        how often the frame was cut anew, mod 4
//	        0x20 ack-valid  newest and bitmap mean something
//	        others zero, or the packet drops
//	frame   low 16 bits of the frame's index, from 0 in each direction
//	newest  low 16 bits of the newest frame packet number opened and held
//	bitmap  bit i (1 << i of the 6 bytes as one integer) is number newest-1-i
//
// Sealing, in this order:
//
//	nonce = 8 zero bytes | number;  AAD = id as sent | header block in clear
//	body and tag = AEAD(packet key, nonce, AAD, body)
//	header block = AES-256(header key, header block in clear)  one block
//
// "Every packet SENT, retransmissions and pure acknowledgements included, takes
// the next packet number: from 1, never reused, never two seals under one number
// even if a write fails. A retransmission is the same PLAINTEXT sealed again." Its
// flags, piece and frame are the same, its acknowledgements and keys those of now.
// OURS: the draft would share a nonce across copies; one differing AAD byte would
// give away the GCM key. The unique number also makes the one-block header cipher
// safe. OURS: a tag on every packet, where the draft has one on the last.
//
// The body is an extension list, a payload and zeros (package wire). Of 1200 bytes
// 1155 are entries and payload, of 548 bytes 503: the list's end takes 2 and the count
// 3; more than 1155 drops. A frame therefore carries at most 18,480 or 8,048 bytes. The
// list belongs to the frame: only piece 0 has entries. Unknown tags are ignored. A
// frame's payload is that of its pieces in order, whatever the size of each.
//
// A packet with no-frame has one piece, index 0, frame 0, no final, cut 0, an empty
// payload, and at most the extensions PathChallenge and PathResponse of 16 bytes
// each: others, and these two in a frame, mean nothing. Everything else rides a frame;
// its payload may be empty.
//
// # Receiving: the order of checks
//
//	id; length 44 to 1200; flags, index < pieces; number from newest-2047 to newest+65535
//	(newest is the greatest number opened, 0 at first); tag; body and the rules of
//	no-frame, ack-valid and piece 0; number not opened before; limits
//
// A packet that fails before "limits" is dropped and changes nothing, but that
// 2^36 tags that do not open close the connection, and that a packet of 44 to 64
// bytes dropped by the initiator is compared with its reset token: the last 16
// bytes, in constant time; if they are equal the peer lost the connection and it
// ends. "A peer that breaks a limit with a packet that opened is closed: dropped in
// silence." Limits:
//
//   - newest, completed to the number nearest the last one sent, is above it or
//     below 1: an acknowledgement of what was not sent;
//   - the frame index, completed to the one nearest the oldest frame that is not
//     whole, is 64 or more above that one, or below 0;
//   - another frame of two or more pieces than the 1 (from the device) or 3 (to it;
//     2 while there are streams beside the main) of the connection not whole;
//   - other pieces or another final than the frame's pieces held under that cut;
//   - a number above 2^25 since the last Roll.
//
// Only then are number, acknowledgement, path and frame taken, in this order. The
// first piece of a frame of two or more opens a buffer of pieces * 1155 bytes.
// Pieces of a newer cut (c+1, c+2) replace those held; a piece of an older cut (c+3) is dropped
// and not acknowledged. "A duplicate piece in a fresh packet is acknowledged and
// not delivered again." A whole frame is delivered at once: frames may overtake
// each other.
//
// # Acknowledgements
//
// Of frame packets only, in every packet that leaves, and in one of its own on
// every 8th frame packet, on one whose number does not follow the newest opened, or
// within 25 ms. "An acknowledgement means opened and held." ack-valid is clear, and
// the 8 bytes zero, before the first and when the newest frame packet held is 2^14
// or more below the newest packet opened. All go to the path in use.
//
// # Sending
//
//	Send --> queued --> sent --acknowledged--> done
//	          (64 frames)  |  ^
//	                   lost|  |next number
//	                       v  |
//	                      lost
//
// A piece is sent when all of these allow it, the oldest lost one first, then new
// ones in the order of frames:
//
//   - fewer packets believed under way than the congestion window;
//   - the pace: a bucket of 10 packets that fills at 5/4 of a window per round trip;
//
// and for new ones also
//
//   - at most 48 packets outstanding to a device, 16 from it. "A number is
//     outstanding until acknowledged or taken for retransmission";
//   - next number - oldest outstanding number <= 48, or the bitmap could not tell;
//   - of frames of two or more packets not wholly acknowledged 3 to a device, 1 from
//     it: the rest wait, and frames of one packet overtake them;
//   - no frame index more than 63 above the oldest not wholly acknowledged.
//
// Loss: a packet is lost when 3 later ones are acknowledged, or one later and 9/8 of
// a round trip passed since it left. OURS: a retransmission whose first copy was
// acknowledged after all raises the 3, up to 16, and the 9/8 with it. When nothing
// is heard for PTO = srtt + 4 var + 25 ms (first RTT 333 ms) after the last frame
// packet left, the two oldest leave again, whatever window and pace say, and the
// PTO doubles until an acknowledgement, OURS: PTOs come twice in a row, then twice as
// long 14 times, then doubling up to 8 s: two packets in two PTOs are less than the
// least window, and doubling at once had 16 packets take a minute where bursts of 3
// are lost both ways (N1). OURS: a lone packet leaves twice from the second PTO on.
// An acknowledgement measures the round trip by the newest packet it speaks of. One
// in a frame's packet may repeat what was lost before, and counts as at most
// srtt + var. One that is new and only of packets that were sent
// again since says that the round trip is longer: at least what passed since the
// next one left.
//
// Congestion, for each path: window from 10 packets, one more for each acknowledged
// until the first loss, then one more per window; at loss halved, at most once for
// what left before it halved last, never below 2.
//
// # Packet size
//
// A connection begins with the size of its handshake, 1200 or 548. When large
// packets were lost in 3 rounds and none was acknowledged, while a small frame sent
// beside them was, the path's MTU fell: "unfinished frames are cut again under the
// same frame index and cut + 1". OURS: a frame that no longer fits 16 packets is
// sent empty, because the peer's frame window needs its index, and never counts as
// acknowledged; its sender waits for 12 rounds and 3 small frames that arrive,
// sent one after another, or bursts of loss would look like it. OURS: an empty frame in 1200 bytes,
// with probe, tries the larger size again after 5 s, doubling to 10 minutes.
//
// # Paths
//
//	                          newest non-probe packet from elsewhere
//	path in use ------------------------------------------------------> candidate wanted
//	    ^  ^                                                           |
//	    |  +---- a newer non-probe packet on the path in use ----------+  challenged, and the path in use too
//	    +------- PathResponse with its value, from the candidate ------+
//
// "Packets with probe set never move a path. A newest non-probe packet from a new
// source: 16 random bytes challenged on the new AND the old path; move when the new
// answers from there; move back if a newer packet arrives on the old." OURS: each
// path has its own 16 bytes, or an answer overheard on one would do for the other.
// OURS: a path that was left counts as proved for 30 s, and is asked again after; and
// before that by a packet of a stream that was not heard on the path in use, for
// numbers of two streams do not say which is newer.
// Challenges are packets with no-frame and probe, one per PTO; they are answered to
// where they came from, OURS: and by the path in use with a packet beside that is no
// probe, and shows which is. A path that is not proved gets at most 3 times the bytes
// opened from it; there are 2 candidates, the one heard longest ago gives way.
//
// A move starts a new congestion window, and what is outstanding leaves again at
// once. OURS: a path that was left keeps its round trip, window, counts and packet
// size ([Conn.Paths]); moving back to it within 30 s goes on with them. The answer
// to a challenge measures the round trip only if it was the only one, for all carry
// one value, and the path is moved to at once. A probe frame may be sent elsewhere
// than to the path in use
// ([Conn.SendProbe]); its repetitions go to the path in use. A side whose socket
// changed sends a non-probe frame at once ([Conn.Rebind]), by the peer's other family
// when its own was lost ([Conn.RebindTo]).
//
// # Modes
//
// A connection is made in one of four ways. Package handshake has the keys of each,
// package wire the bytes; [Conn.Mode] says which it was.
//
//	First Contact  Hello, Challenge, Complete, ResponderComplete, Data     the responder's static key is not known
//	Immediate      Exchange, ResponderComplete, Data                       it is known (Target.Pin.Key)
//	Deferred       Exchange, Challenge, Complete, ResponderComplete, Data  Immediate, and the responder asked first
//	Ticketed       Exchange, ResponderComplete, Data                       a ticket is the initiator's to open (Target.Ticket)
//
// The initiator has its connection, and sends its first Data at once, when the
// ResponderComplete opened: after one round trip, or two where there is a Challenge. It is
// a frame, an empty one if there is nothing to say, and sent again as any.
// The responder has it when that Data opened.
//
// An Exchange may carry one payload (Target.Early): Heartbeat, EndpointRequest or
// Resolve. The responder runs it once for each Exchange that opened (Config.Early)
// and its answer travels in the ResponderComplete, which is never longer than the
// Exchange. There is no answer to another verb, to one whose answer does not fit, to
// one that did not fit the Exchange, and after a Challenge; then the initiator sends
// the payload again as its first frame. It may therefore run twice, and its sender
// has proved nothing but that it knew our key: a verb that may not run twice or for
// anybody is not one of the three.
//
// A Challenge answers an Exchange whose time is more than 12 slots of 10 s off our
// clock, in the first 12 slots after our start, above 500 a second, when Config.Busy
// says so and for a second after, and when there is no more room for sources that
// may be forged. A device whose clock is wrong is served, a round trip later; a node
// that started again serves every device so for two minutes. OURS: tickets are not
// asked for their time: what is redeemed once needs no clock.
//
// OURS: an Exchange that nothing answered for 2 s, twice in 1200 bytes and twice in
// 548, is followed by a Hello, under the same pin. The connection is made with the
// pinned key or with none, and s_I is sealed to it as before, so nothing is lost
// but a round trip. What is won: an Exchange does not get through where somebody
// spends its e_I from another source first, or where only Hellos pass; and when the
// pinned key is not that node's any more, silence is all that an Exchange gets,
// while a Challenge shows another key. That proves nothing, for anybody may send
// one, and is no more than a count in [Stats] (handshake.NotPinned); whoever dials
// within 3 s hears of it. An Exchange under a ticket is followed alike, and what
// comes of it has no ticket ([Conn.Ticket]).
//
// A ticket is made by somebody who knows both devices and carried to them by other
// ways ([handshake.Ticket]). One side opens it and the other redeems it: the ticket
// says who, or the device with the lower SHA-256(curve byte | static key) opens, so
// that two that dial each other at once make one connection; for the other
// [Endpoint.Dial] is an error. Who redeems holds it in [Tickets], each once.
//
// # Strangers
//
// A Hello leaves no state, and no packet does that does not open. A Complete or an
// Exchange that opens makes a provisional connection: "until the initiator's first
// Data opens it replaces nothing, moves no endpoint and runs no verb but
// Immediate's three"; at most 4,096, of them 64 per /24 or /48, for 30 s each. Any
// packet that opens confirms, whatever its number. Several of one device do not know
// of each other. OURS: those made by an Exchange, whose source may be forged, are at
// most half of either count; beyond it an Exchange gets a Challenge, and Completes
// have the rest. Two forged Exchanges a second would else keep a prefix out. OURS:
// without room for a Complete the oldest of its prefix, or of all, gives way if it is
// 3 s old: two Completes a second from a neighbour would else do the same.
//
// "A valid Complete validates its source path, an Exchange only with the first
// Data." Until then the responder sends nothing there but the ResponderComplete, the
// same bytes to the same Complete or Exchange from the same source, each no longer
// than what it answers, and those to Exchanges within the bucket of the address. The
// first Data proves that its sender had the ResponderComplete, so the path of the
// Exchange is validated also when that Data comes from elsewhere; elsewhere is then
// a candidate.
//
// Rubbish gets no byte, leaves no state and costs no allocation. So does every packet
// to an Endpoint that does not listen, but an Exchange that names a ticket it holds;
// one that would get a Challenge gets silence there. Answers to strangers and to
// probes leave by the socket that those came through (Config.Reply).
//
// # Reset
//
// A node that starts again has lost its connections, and their devices would find
// out by silence. In the ResponderComplete the responder gives a token,
//
//	HMAC-SHA-256(reset key, "RUD1 reset" 0 | s_I | initiator data id)[:16]
//
// and keeps the reset key, and address, s_I and id of the connections whose devices it
// means to tell ([Remnant]; a node: those that watch), on disk. After a restart it sends
// each ([Endpoint.SendReset]), jittered, once or a few times,
//
//	id (8) | 20 to 40 random bytes | token (16)
//
// The initiator compares the last 16 bytes, in constant time, of every packet of 44
// to 64 bytes for a data id of its own that was dropped at any check up to the tag;
// from any address, for the node may have another socket. OURS: not of one whose tag
// opened: its sender has the keys, so its tag is no token. When they are equal the
// connection ends (ReasonReset) and the device dials at once. That takes two round
// trips, not one, in the two minutes after the restart: five flights after the reset
// both have the connection again. Nothing answers a reset. Without Config.Reset the
// key is a random one, and tokens mean nothing after a restart.
//
// # Streams
//
// Beside the main stream there are at most 3, which either side opens. They have
// their own ids, keys, packet numbers, acknowledgements and frames, and share path,
// congestion, memory and the limits of what may be outstanding. All of this is
// entries in the lists of frames: one of these nouns in a list, or it is a breach.
//
//	StreamNew a (8), one binding  main stream  opens a stream. a: the opener's data id
//	StreamNew a | b (16)          main         accepts it. b: the answerer's data id
//	Refuse a (8)                  main         refuses it
//	CloseStream a | b (16)        main         ends it
//	StreamNew id (8) alone        any          the sender's id of this stream is id now
//	Reset (16)                    main         the token of the initiator's new id
//	CloseConnection (0)           main         ends the connection (The end)
//	Roll (0 or L), OneTimeStreamId (16 n)      see below
//
//	binding  StreamClient      transactional: the opener asks, the other answers
//	         StreamSender      asynchronous: the opener sends
//	         StreamReceiver    asynchronous: the other sends
//
// The binding's value is the protocol, 1 to 255 bytes of UTF-8. Two bindings are
// refused. All other entries of the list that opens are the principal's credentials:
// opaque here, checked by the application, which accepts or refuses. OURS: list and
// protocol fit 495 bytes, one packet on any path. The payload is the stream's first
// datagram. Ids are not zero. a | b stays the stream's name when ids change.
//
//	Open --> opening --StreamNew a|b--> open --CloseStream a|b, either side--> ended
//	             +------Refuse a-----> ended
//
//	stream secret = HKDF-Expand-SHA-256(secret, "RUD1 stream" 0 | a | b, 32)
//
// and its keys are derived of this as the main stream's of the secret. OURS: of both
// ids, or a peer that issues an id twice would have us seal twice under one key.
//
// Who opens may queue frames, but sends none before the answer. Frames overtake each
// other: CloseStream may come before the answer, and ends a stream that is opening; an
// answer, refusal or end of what is not there is ignored. Packets of the stream that come
// before its answer are a stranger's at the opener, and are sent again. An opener that closes while
// opening waits for the answer, and then sends CloseStream. What is not acknowledged
// when a stream ends is given up. "Ids of closed streams are retired": packets under
// them are a stranger's.
//
// The main stream has no kind, whatever StreamClient a handshake carried: either side
// sends what it likes, and final ends a message. In the others an empty frame is no
// datagram: it carries control, or nothing, in any direction. What is not empty obeys
// the kind, or it is a breach: data of an asynchronous stream from its
// sender only; in a transactional one final answers not more than final requests,
// and when they are as many, no frame behind the last of the answers.
//
// OURS: of the 48 or 16 packets outstanding the main stream keeps 8 or 4 to itself,
// others have 16 at most; streams send in turn. Control goes before data, and also
// when the congestion window is full. To a device with streams, or that was not heard
// to know that one ended, 2 frames of two or more packets are under way, not 3: keys
// take the memory. Frames of a stream that we ended count until its CloseStream is
// acknowledged. At most 5 frames of control to a device and 3 from it are not
// acknowledged, and a set of ids for one time does not wait behind another of its
// stream; a peer that has more than 8 waiting is closed.
//
// StreamNew alone: who sends it hears both ids until 3 PTO after the first packet
// under the new one; who receives it seals under the new one at once, with keys of the
// same secret, and numbers go on. Not while keys roll, nor of a stream with one-time
// ids. "Only the responder gives a token, for each new id", OURS: of the main stream.
//
// # Roll
//
// "Rekey at an hour or 2^24 packets in a direction; hard stop at 2^25 or two hours.
// The original initiator starts (the other asks)": with an empty Roll, OURS: a minute
// after the hour, and each minute.
//
//	initiator                                  responder
//	Roll e (L bytes, fresh) -----------------> opens under old and new keys
//	seals under the new ones <---------------- Roll f (L bytes, fresh), under the old
//	opens under both --- first packet, new --> seals under the new ones
//	                 <-- an empty frame, new --
//
//	secret = HKDF-Expand(HKDF-Extract(salt secret, ikm e*f), "RUD1 roll" 0 | SHA-256(e's value | f's value), 32)
//
// All streams roll together: the keys of the main one and the secrets of the others are
// derived of the new secret as they were of the old. Ids stay. All zeros abort: the
// connection is closed. OURS: packet numbers go on over a Roll, so that no number serves
// twice even where two keys would be the same; after 2^32 - 2^20 the connection ends. A
// stream that opens meanwhile has keys of both secrets. "Old keys open for 3 PTO more", OURS: from
// the first packet that opened under the new ones: an outage in the middle would
// leave a side that cannot open what the other still sends.
//
// Order of checks of a Roll: main stream; length 0 to the initiator, L to the
// responder, L to an initiator that waits for it; none offered that is not proved;
// then the curve. OURS: keys are 10 s old before the initiator rolls, and a responder
// leaves a Roll unanswered until they are 5 s old, or while an id of its own is
// changing: a peer cannot make us agree without end.
//
// # One-time ids
//
// OneTimeStreamId with an empty value, in any stream, asks for one-time ids of that
// stream; the answer is a set of them, 16 bytes each, at most 16:
//
//	id = AES-256(key of the endpoint, which never leaves, stream id 8 | counter 8)
//
// From the first set on EVERY packet of that stream to the issuer carries the next one
// in place of the stream id, and 16 packets hold 18,352 or 7,920 bytes; unfinished
// frames are cut anew. The receiver, when the first 8 bytes are no id of its own and
// any set is out, decrypts 16: "inner id in the table and counter issued and unspent:
// a one-time id, spent only after the tag opens". Counters begin at 1; OURS: the
// newest 64 are heard. A set that was not asked for is a breach.
//
// A new set leaves when fewer than 16 counters are above the newest spent, or when
// asked: a sender asks at fewer than 8, and keeps 32. OURS: the last 6 serve for
// control, for what a PTO repeats, and for one acknowledgement per PTO: without those
// the set might never come. A sender with none left sends nothing, because the plain
// id would betray what the others hid; after 30 s the connection ends (ReasonBlind).
//
// # The end
//
// A connection ends in silence by [Conn.Close], at two hours or 2^25 packets in a
// direction, at 2^36 failed opens, by a peer that breaks a limit, by a reset, or when
// its one-time ids run out. The two hours and 2^25 packets count from the last Roll.
// [Conn.Leave] says so first: CloseConnection, with no value, in a frame of the main
// stream that is sent once. Who receives it ends the connection, and answers nothing;
// OURS: a device that is switched off would else be sent its last message again for
// minutes, and count as present until it was silent for too long.
//
// # Memory
//
// An idle connection holds about 2 KiB and, while it is awake, as much again of
// expanded keys; at most 80 KiB when the peer never acknowledges and begins every
// frame it may: Send takes 53,130 bytes and 60 frames to a device, 19,056 bytes and
// 32 frames from it, and the other direction assembles 1 or 3 frames of 18,480 bytes.
// Streams beside the main take off 7 KiB each to a device, and one frame assembled
// at it. Buffers are lent by the
// Endpoint, and scratch space is one packet each way for all connections.
package rud
