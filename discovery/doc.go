// Package discovery finds nodes: the node address as people see it, the
// candidate that may answer at an endpoint, and the chain of sources that turns
// one into the other.
//
// # The node address
//
// One form everywhere (federation.md, Defaults): printed, typed, in a QR code,
// in mDNS TXT and in PRESENCE_NODE.
//
//	mpp://host:port/FINGERPRINT
//
//	host         a DNS name, an IPv4 address, or an IPv6 address in brackets,
//	             with its zone if it is link-local: [fe80::1%eth0]
//	port         decimal, 1 to 65535; 6770 when left out
//	FINGERPRINT  the UDF of the node's RUD key: 28 characters of base32 that
//	             start with M, in groups of four; may be left out
//
// A fingerprint is what makes an address trustworthy: without one a dialler
// learns who answers, not whether it is the node meant.
//
// # Sources
//
// A [Resolver] is one source of candidates; package discovery/static has the
// addresses from configuration. A [Chain] asks sources in order until one
// answers, within a deadline, and remembers the answer for a while. A source
// finds addresses, it never admits: whoever dials compares the fingerprint.
package discovery
