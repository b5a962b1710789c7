// Package mdns is the discovery source of the local network: nodes announce
// where they listen by multicast DNS (RFC 6762) as a DNS-SD service (RFC 6763),
// and whoever looks hears them. It finds addresses and never admits: a device
// compares the fingerprint, a node checks the membership.
//
// # On the wire
//
// The service is _mmmpresence._udp in local. One message of a node holds all of
// it, and only a message that does is read:
//
//	_mmmpresence._udp.local.            PTR  instance._mmmpresence._udp.local.
//	instance._mmmpresence._udp.local.   SRV  0 0 port host.local.
//	instance._mmmpresence._udp.local.   TXT  fp=FINGERPRINT
//	                                         p2p=/udp/6771/quic-v1/p2p/ID,/tcp/6771/p2p/ID
//	host.local.                         A, AAAA   the addresses on that link
//
//	instance   the first three groups of the fingerprint, MCCR-IPW7-AUHT
//	host       mpp- and the same letters: no name of the machine or of a person
//	fp         the UDF of the node's RUD key
//	p2p        multiaddrs separated by commas, as many as fit one string; those
//	           without an address mean each address of the host
//
// No account, no realm and no name that a person gave stands in it. A node that
// stops says goodbye: the same records with a TTL of 0.
//
// OURS: what RFC 6762 asks for and this package leaves out. Names are made of a
// key's hash, so they are not probed for: a conflict would be a lie, and one who
// lies must not make a node change its name. Every answer is multicast, also to
// those who ask for a unicast one, so that nobody turns a node against a third.
// Questions list no known answers.
//
// # A hostile network
//
// Anyone on the link can send anything. Messages count only when they were sent
// to the multicast group, which no router passes on, and arrive on an interface
// that was chosen; a node answers once a second and interface, whoever asks how
// often. Records, nodes, addresses and strings are bounded (limits.go). Loopback
// addresses count on the loopback interface alone.
//
// # Why no DNS-SD library
//
// Messages are written and read by golang.org/x/net/dns/dnsmessage, which is
// kept with Go itself, reads record by record and refuses what is malformed. The
// DNS-SD libraries were read, and each lacks something that a node needs.
// brutella/dnssd keeps whatever is announced, and its readers spin on the closed
// socket when a deadline rather than a cancel ends the search. hashicorp/mdns
// serves one interface, announces nothing unasked and never says goodbye. The
// DNS-SD of pion/mdns is new: no announcement, no goodbye, unicast answers to
// any source, and no bound on the instances that a search remembers. zeroconf
// rests on a DNS library of 2020, or belongs to libp2p, which the device's tool
// must not link.
//
// # Goroutines
//
//	announce.go  loop     answers and announces; ends with Close
//	station.go   read     a reader for each of the two sockets; ends when its socket closes
//
// Browse runs in its caller's goroutine, besides the two readers.
package mdns
