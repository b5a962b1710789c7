// Command presence is the device: it makes an account, watches it, publishes to
// it, and asks a node what it sees. One profile directory is one device.
//
//	presence account create    make an account with this device as its first
//	presence watch             print what is posted, a line an event
//	presence publish           post a message or a status
//	presence status            what a node says, and what this device knows
//	presence ping              the address a node sees, and the round trip
//
// It is a thin layer over [meshpresence/node/client]: flags and questions in,
// lines and exit codes out. One file per verb; the rest is
//
//	main.go      from arguments to an exit code
//	flags.go     what every verb takes
//	exit.go      exit codes, and how an error is told
//	profile.go   where a profile lies
//	reach.go     the way to a node: the pin, the question, the patience
//	terminal.go  the person: y/N and passphrases
//	output.go    lines for people, objects for programs
//	handler.go   watch --exec
//
// # Output
//
// Results go to standard output, everything else to standard error. With --json
// a result is one object a line, whose member "schema" is presence.VERB/1:
// members are only ever added, and what is not known is null. What comes from
// others is shown with its control characters escaped.
//
// # Exit codes
//
// See [exitTable]; mpp.md, "Status codes", has the rule.
package main
