// Package udpport is the real UDP socket under the RUD engine.
//
// A port moves datagrams in batches, up to [BatchSize] a system call on Linux
// (recvmmsg, sendmmsg) and one a call elsewhere, without an allocation a packet
// in either direction:
//
//	reader:  ReadBatch(b) -> b.Messages[:b.N], each (Data, Addr)
//	sender:  Send(to, packet) ... Send(to, packet), Flush()
//
// Where the kernel can (Linux 4.18), packets of one length to one destination
// that follow each other in a batch pass through it as one and are cut at its
// lower end (UDP_SEGMENT); on the wire nothing differs.
//
// One goroutine reads, one sends, any may Close; Close unblocks the reader. All
// memory is taken when the port is opened and when a [Batch] is made: a flood
// costs time and the kernel's buffer, never heap.
//
// # Addresses
//
// Addresses are in the form that compares: an IPv4 peer of a dual stack socket
// is an IPv4 address, never ::ffff:a.b.c.d, and a link-local IPv6 address has
// its interface's name as zone. Names are cached by the port; an interface
// renamed while the port is open keeps its old name here.
//
// ":6770" and "[::]:6770" listen on IPv6 and IPv4 at once; a kernel without IPv6
// gets IPv4 alone. A literal IPv4 address, "0.0.0.0:6770" too, is IPv4 alone.
//
// # Loss
//
// UDP may lose packets, so nothing here blocks a sender or ends a reader for
// one: a send that the kernel refuses (full buffer, no route, a firewall) drops
// that packet and counts it, a datagram longer than [MaxPacket] is dropped and
// counted, an error that an ICMP message left on the socket is passed over.
// [Port.Counters] has the counts.
//
// # Limit
//
// A packet leaves from the source address that the kernel's route to its
// destination prefers. On a host with several addresses on one network, a port
// that listens on all of them may answer from another address than the one
// asked, and a NAT or firewall in front of the peer may drop that. Listening on
// one address avoids it; answering from the address asked (IP_PKTINFO,
// IPV6_PKTINFO) is a later step.
package udpport
