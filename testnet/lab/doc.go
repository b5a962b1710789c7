// Package lab is a network of machines on one machine: each host is a process of
// its own in a network namespace of its own, with an address of its own, on the
// ports of one switch. It needs root and Linux; without them its tests say so
// and are skipped.
//
//	LAN    the switch, in the namespace that the test runs in; every port is
//	       recorded by a hostile.Sniffer, so nothing passes unseen
//	Host   a child of the test that does what it is told: runs a node, a
//	       command, or sends a datagram
//
// A host is the test's own program started again, so a TestMain calls Main first.
// The test too runs again, in a namespace of its own, and leaves no trace outside.
//
//	test (root's namespace)
//	  \- test again, in the switch's namespace: br0, p1 p2 p3 ...
//	       |- host 1, in its namespace: lo, eth0 10.77.0.1/24 -- p1
//	       |- host 2, in its namespace: lo, eth0 10.77.0.2/24 -- p2
package lab
