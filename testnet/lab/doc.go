// Package lab is a network of machines on one machine, each in a network namespace
// of its own, where the real programs meet what the world does to them: NATs that
// forget, links that lose, strangers who lie about where they are. It needs root,
// Linux and /dev/net/tun; a scenario that lacks something says so and is skipped,
// and SKIP is not PASS.
//
//	Machine  a network namespace and the thread that lives in it; what is started
//	         there dies with it
//	Cloud    the network between machines: it carries IP packets to whoever has
//	         the address, and believes every source
//	Wire     what connects a machine to a cloud: a TUN interface there, and here
//	         the Faults of each direction, drawn from a seed
//	Fault    loss, bursts, delay, jitter, reordering, doubles, flipped bits, MTU
//	         black holes
//	Tap      what really passed a wire, counted outside of who sent it
//	NAT      a home's router by nftables, whose mappings end soon
//	Daemon   presenced, with its processor time and memory by /proc
//	Device   presence, with one profile
//
// All of it is made by the test's own process and has no name outside it: however
// the process ends, the kernel takes the namespaces, and kills what ran in them.
//
//	                        test: Cloud
//	        Wire             |      |  \             Wire
//	tun eth0 in "node" ------+      |   +------- tun out in "router" -- nft -- tun in
//	  presenced                     |                                           |
//	                  Stranger: 198.18.0.0/15                             test: Cloud
//	                                                                  Wire      |
//	                                                     tun eth0 in "phone" ---+
//	                                                       presence
//
// # Running a scenario
//
//	MESHPRESENCE_LAB=1 go test -count=1 -v -run '^TestSilence$' ./testnet/lab
//
// Each prints its seed, and the command that repeats it with that seed. With
// MESHPRESENCE_SLOW=1 besides, the long ones are ten times as long. What the
// programs are, what they say and the numbers that a scenario prints are those of
// presenced and presence as a user runs them: the test only counts.
//
// # A LAN
//
// For broadcasts there is also a plain switch, to which hosts are plugged that are
// the test's own program started again, so a TestMain calls Main first.
//
//	LAN    the switch, in the namespace that the test runs in; every port is
//	       recorded by a hostile.Sniffer, so nothing passes unseen
//	Host   a child of the test that does what it is told: runs a node, a
//	       command, or sends a datagram
//
// The test runs again, in a namespace of its own, and leaves no trace outside.
//
//	test (root's namespace)
//	  \- test again, in the switch's namespace: br0, p1 p2 p3 ...
//	       |- host 1, in its namespace: lo, eth0 10.77.0.1/24 -- p1
//	       |- host 2, in its namespace: lo, eth0 10.77.0.2/24 -- p2
package lab
