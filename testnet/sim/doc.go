// Package sim is an internet inside a testing/synctest bubble: hosts with
// addresses, links that delay, lose, repeat, reorder, bend and swallow packets,
// NATs of every RFC 4787 kind and NATs behind NATs, all from one seed. What runs
// on it is the product's own code, by the [Port] that stands for udpport.Port;
// hours pass in seconds.
//
//	Net                    the internet, and the one queue of what is under way
//	Segment                an address space: the internet, or the inside of a NAT
//	  Host                 has addresses, links up and down, and Ports
//	  NAT                  a table stepped by arguments, at a Segment's gate
//	Scenario               runs one story per seed, and says how to repeat one
//
// A datagram's way:
//
//	Port.Send, Flush -> uplink of its host -> gates outwards -> the segment that
//	has the destination -> gates inwards -> downlink of that host -> Port.ReadBatch
//
// # Time and seeds
//
// A Net has no goroutine: one timer of the bubble takes the next datagram off the
// queue. Every direction of every link draws from a generator of its own, made
// from the seed and the host's name, and each packet takes up to a microsecond
// longer than the link says: so that hardly ever two things happen at one instant,
// whose order the bubble would not take from the seed. The same seed gives the
// same run; TestSameSeed compares two.
//
// # Why not github.com/marcopolo/simnet
//
// It was read first, at v0.0.7, as go-libp2p's x/simlibp2p uses it. It gives
// net.PacketConns with bandwidth, delay, an MTU and CoDel queues. It has no loss,
// repetition, reordering or corruption; no seed; of NATs a firewall that counts
// addresses; its routers know one address a conn, for good; and a link has two
// goroutines, so that a few hundred hosts order their packets as the scheduler
// likes. Everything asked of this package would be built beside it.
package sim
