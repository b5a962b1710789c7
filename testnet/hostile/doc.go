// Package hostile is the other side: what an eavesdropper, a stranger, a
// replayer and a lying member can do to a node, as parts that tests put
// together. It attacks real nodes over real sockets on loopback and imports no
// part of the node itself, so that the node's own tests can use it too.
//
//	Record    what was seen on the wire, and whether a secret stands in it
//	UDPTap    a relay in front of a device port: sees, drops, sends again
//	TCPTap    a relay in front of a peer port, that can be cut
//	Relay     a node's operator: has its key, reads and changes what passes
//	Sniffer   AF_PACKET on one interface: all of it, without a relay
//	Device    a device whose every secret the test holds, speaking MPP by hand
//	Opener    opens recorded packets of a Device, by a second run of its handshake
//	Loot      what a stolen agreement key reads of its account
//	Rubbish   datagrams that no friend sends
//	Member    a member of the realm that says whatever it is told to
//
// # What an eavesdropper is looked at with
//
// A capture that contains no secret proves nothing if the search is wrong, so
// each capture here has two controls. The secrets are sent once in clear, in one
// datagram and one TCP write to the same ports, and the same search has to find
// them there. And the packets of a Device are opened with the keys that its
// Static and its randomness determine: the search has to find the secrets in
// the plaintexts. The keys come from running the initiator's handshake a second
// time against the captured answers; the product has no way to print them.
//
// # What a lying member can do
//
// A Member is a real libp2p and gossipsub peer with a member fact that counts:
// package federation with another head on it. What it is told to offer it
// gossips, forwards, gives in a sync that it began, and offers in one that its
// victim began, under a serial that no victim can resist asking for.
//
// Nothing here waits for time to pass: a test that shows that something did not
// happen sends something honest after it by the same way, and waits for that.
package hostile
