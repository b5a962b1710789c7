// Command presenced is a presence node. With no arguments it works: it makes its
// state directory and keys, listens for devices on UDP port 6770 and for other
// nodes on port 6771, and says how to reach it.
//
//	main.go    from arguments to an exit code
//	flags.go   the flags, and the node.Config they make
//	listen.go  host:port as the multiaddrs of QUIC and TCP
//	state.go   where the state lies when nobody says
//	join.go    the first start of a node that a realm takes in
//	start.go   why a node does not start, in exit codes
//	ready.go   what is printed when it runs
//	exit.go    exit codes, and how an error is told
package main
