// Command presence is the device, and the operator's tool: it makes an account
// or joins one by a code, watches it, publishes to it, and asks nodes what they
// see. One profile directory is one device.
//
//	presence account create    make an account with this device as its first
//	presence device add        let another device in, by a code
//	presence device join       be that other device
//	presence watch             print what is posted, a line an event
//	presence publish           post a message or a status
//	presence status            what a node says, and what this device knows
//	presence why               where a device is, or why it is not
//	presence ping              the address a node sees, and the round trip
//	presence account ...       show, backup, restore, home, repair
//	presence device ...        list, rename, revoke
//	presence realm ...         create, invite, members, remove
//	presence admin ...         invite, status, health of this machine's node
//
// It is a thin layer over [meshpresence/node/client] and
// [meshpresence/node/admin]: flags and questions in, lines and exit codes out.
// One file per verb, named by its words; the rest is
//
//	main.go        from arguments to an exit code
//	flags.go       the grammar, and what every verb takes
//	exit.go        exit codes, and how an error is told
//	profile.go     where a profile lies
//	devicename.go  a device's name, and the profile that is made with it
//	reach.go       the way to a node with a device: the pin, the question, the patience
//	reachnode.go   the way to a node for acts of a realm, which show no device
//	linked.go      how a node is reached, as ping and status show it
//	find.go        a node on the local network
//	socket.go      the daemon of this machine
//	code.go        a code as it is shown and read
//	qr.go          a code as a camera reads it
//	offer.go       from a code to the one it let in
//	passphrase.go  passphrases of key files, and what acts of the account's key share
//	realmkey.go    what acts of the realm's key share
//	accounthome.go the account's homes as they are shown, and presence account home list
//	clock.go       a clock that was never set
//	terminal.go    the person: y/N and passphrases
//	output.go      lines for people, objects for programs
//	handler.go     watch --exec
//
// # Codes
//
// Whoever lets somebody in sees the newcomer's fingerprint and compares it with
// what the newcomer's own screen shows: the code proves that it was read, the
// person that it was read by the right one. A code is written to standard output
// and nowhere else; one that was given is never repeated in an error.
//
// # Output
//
// Results go to standard output, everything else to standard error. With --json
// a result is one object a line, whose member "schema" is presence.VERB/1:
// members are only ever added, and what is not known is null. A code that waits
// for its use is an object of its own before the result, presence.code/1. What
// comes from others is shown with its control characters escaped.
//
// # Exit codes
//
// See [exitTable]; mpp.md, "Status codes", has the rule.
package main
