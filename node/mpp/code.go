package mpp

import "strconv"

// Code is a status code: one table shared by wire, log, metric and command.
type Code int

// The codes (mpp.md, "Status codes").
const (
	CodeOK          Code = 200
	CodeFewerCopies Code = 202
	CodeMalformed   Code = 400
	CodeNotAdmitted Code = 401
	CodeRefused     Code = 403 // also when there is no such account
	CodeExpired     Code = 408
	CodeSerial      Code = 409
	CodeRevoked     Code = 410
	CodeTooLarge    Code = 413
	CodeQuota       Code = 429 // with RetryAfter
	CodeNotOffered  Code = 501
	CodeDraining    Code = 503 // with Peers
	CodeDiskFull    Code = 507
)

// Exit codes of the commands.
const (
	ExitOK            = 0
	ExitError         = 1
	ExitUsage         = 2
	ExitUnreachable   = 3 // the daemon does not answer on its socket
	ExitRefused       = 4
	ExitNoAnswer      = 5
	ExitLess          = 6  // less than asked: relay only, fewer copies, some unacknowledged
	ExitNotFound      = 7  //
	ExitConfiguration = 78 // the daemon: bad configuration, or a newer state
)

type codeText struct {
	name     string
	sentence string
	exit     int
}

var codes = map[Code]codeText{
	CodeOK: {"ok", "Done; there is nothing to do.", ExitOK},
	CodeFewerCopies: {"fewer-copies", "Kept on one node only so far; leave this device running until a second node confirms, " +
		"or add one with: presence account home add.", ExitLess},
	CodeMalformed: {"malformed", "The node could not read the request; update this program and the node to the same version.", ExitError},
	CodeNotAdmitted: {"not-admitted", "This node does not keep the account, and takes one in by a code: on the node's own machine run " +
		"presence account create; elsewhere get a code there with presence admin invite and give it to presence account create, " +
		"or to presence account home add for an account that you have.", ExitRefused},
	CodeRefused: {"refused", "Not allowed, no such account, or a code that is wrong, used or over; check the name, " +
		"ask its owner to let you in, or ask for a new code.", ExitRefused},
	CodeExpired: {"expired", "Its time is over; ask for a new one, and check that this device's clock is right.", ExitRefused},
	CodeSerial: {"serial", "The node holds something newer under this name; run the command again, " +
		"and if this device was restored from a backup let it sync first.", ExitError},
	CodeRevoked:    {"revoked", "This key was revoked; make a new profile and join the account again with a new code: presence device join.", ExitRefused},
	CodeTooLarge:   {"too-large", "Too large to carry; send at most 4 KiB, and put the rest where it can be fetched.", ExitError},
	CodeQuota:      {"quota", "Too much in too short a time; wait as long as the answer says, then try again.", ExitRefused},
	CodeNotOffered: {"not-offered", "This node does not offer that; try another node of the account, or ask its operator to turn it on.", ExitRefused},
	CodeDraining:   {"draining", "The node is shutting down or unhealthy; use one of the other nodes it names.", ExitNoAnswer},
	CodeDiskFull:   {"disk-full", "The node's disk is full and nothing was kept; its operator must make room, or use another node.", ExitRefused},
}

// Success is true from 100 to 299, as in the reference (reference.md 2).
func (c Code) Success() bool { return c >= 100 && c <= 299 }

// Name is the short name for logs and metrics; "unknown" for another number.
func (c Code) Name() string {
	if t, ok := codes[c]; ok {
		return t.name
	}
	return "unknown"
}

// Sentence says to a person what to do next.
func (c Code) Sentence() string {
	if t, ok := codes[c]; ok {
		return t.sentence
	}
	return "The node gave an answer that this program does not know; update this program."
}

// Exit is the exit code of a command that ends with this code.
func (c Code) Exit() int {
	if t, ok := codes[c]; ok {
		return t.exit
	}
	if c.Success() {
		return ExitOK
	}
	return ExitError
}

// Int is the code as a member.
func (c Code) Int() Int { return N(int64(c)) }

// String gives number and name.
func (c Code) String() string { return strconv.Itoa(int(c)) + " " + c.Name() }
