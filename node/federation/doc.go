// Package federation is a node among the other nodes of its realm: it carries
// signed facts between them, over libp2p, and decides nothing about what they
// say. Every fact from outside passes one way: [Door].Screen, its signature,
// Door.Merge. The package is the only one that knows topics, peer ids and
// multiaddrs (federation.md).
//
// # Peers
//
// A connection runs over QUIC, or TCP with Noise and yamux. There is no relay,
// no AutoNAT, no DHT: peers are given by the operator, named in the realm's node
// facts, or announced on the local network ([Federation.Found]). The first two
// we redial ourselves, within two seconds at first and within eight for ever. On connect the side that dialled shows its member
// and node facts and is shown the other's; whoever is no living member is told
// nothing and disconnected. Gossip streams wait until that is decided, in both
// directions. A node that turns up in an expelled fact is disconnected at once.
//
// OURS: whoever is only announced may be a neighbour of another realm, and must
// not be told even that ours exists. So both sides prove first that they know
// the realm's hash, by a MAC over a random nonce and both nodes' hashes that says
// nothing to who does not (kin.go); only then is anything shown. Announced nodes
// that are no members are dialled two at a time, ever more rarely, and 64 are
// kept.
//
// # Gossip
//
// Topics are "/mpp/1/" realm "/" bits ([Topic]); a realm has 0 bits, so one
// topic. A message is one JSON-B object of at most 128 KiB, without author or
// signature of its own; its id is SHA-256 of its bytes:
//
//	{ "Facts" [ fact, ... ]      1 to 16 facts, as package record writes them
//	  "Salt"  int }              random: the same facts may be said again
//
//	{ "Beacon" { "Body" binary, "Signature" binary } }
//
// The body of a beacon is signed as "mpp/1" 0 "beacon" 0 realm body:
//
//	{ "Author" binary            1 | the node's Ed25519 key
//	  "Serial" int  "Boot" int   (Boot, Serial) only grows
//	  "Time"   DateTime
//	  "Bucket" string            the topic's bits
//	  "Count"  int               how many attachments there are now,
//	  "Sum"    binary 32         and the sum of their hashes modulo 2^256
//	  "Added", "Removed" [ binary 32, ... ] }   since the beacon before, at most 128
//
// A message is checked in this order: size, topic, kind, serial, author,
// signature. What no honest node sends is rejected, and a peer that goes on
// sending it is graylisted: too large, unreadable, badly signed. It is passed on
// exactly when every fact in it was new or held and one was new. Otherwise it is
// ignored, and the facts in it that were merged are gossiped again by us. Facts
// whose author is not known yet wait for five seconds.
//
// # Streams
//
// The three protocols exchange frames, requests and answers in turn: a length
// of 4 bytes, big endian, at most 512 KiB, and one JSON-B object with some of
// these members:
//
//	{ "Ask"     string           what a request asks
//	  "Code"    int              in an answer: 200, or why not (package mpp)
//	  "Account" binary 32        absent: the realm's own facts
//	  "After"   binary 32        lists go on after this hash
//	  "Sums"    [ {"A" account, "C" count, "S" sum}, ... ]               at most 1,024
//	  "Rows"    [ {"H" hash, "N" serial, "E" expires, "K" key}, ... ]    at most 1,000
//	  "Hashes"  [ binary 32, ... ]                                       at most 1,024
//	  "Results" [ {"H" hash, "C" code}, ... ]                            at most 512
//	  "Facts"   [ fact, ... ]                                            at most 512
//	  "More"    bool }           the list goes on
//
//	protocol         asks    with             is answered with
//	/mpp/hello/1     kin     Hashes: nonce,   Code, Hashes: proof; or nothing
//	                         proof
//	                 hello   Facts            Code, Facts; or nothing
//	/mpp/forward/1   keep    Facts            Results, after the store's Sync
//	                 host    Account, Facts   Code, Facts: host and node fact
//	                 list    After            Hashes of the attachments, More
//	/mpp/sync/1      sums    After            Sums in the order of accounts, More
//	                 rows    Account, After   Rows in the order of hashes, More
//	                 want    Hashes           Facts, More when not all fitted
//	                 offer   Hashes           Hashes of those to be given
//	                 give    Facts            Results
//
// Members and kinds of facts that a reader does not know are skipped.
//
// # Sync
//
// On connect, when a peer joins the topic, and every ten seconds, the realm's
// own facts first, then by account: whoever began compares the sums, pages
// through the rows of the accounts that differ ([Reconciler]), asks for what it
// lacks and gives what the other lacks. Facts go through the same door as
// gossip. Up to 64 that were new are gossiped on; of more, the other links'
// syncs are brought forward.
//
// # Goroutines
//
//	federation.go  loop      starts what is due; ends with Close
//	federation.go  publish   gossips what is queued; ends with Close
//	loop.go        tasks     a dial, hello, sync or job each; bounded by 16 dials,
//	                         4 syncs and one of each job; end with Close
//
// Stream handlers and validators run in libp2p's goroutines; Close waits for
// those at work.
package federation
