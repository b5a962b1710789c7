package mpp

import "slices"

// Reason says where a device is, or why it is not: DeviceStatus.Status on the
// wire, an attribute of log lines, the label of a metric and the answer of
// `presence why` are the same name (OURS). Silence is ReasonUnknown and never
// offline: nobody can tell a device that is off from one that is not heard.
type Reason string

// Where a device is.
const (
	// ReasonHere: it watches at the node that was asked.
	ReasonHere Reason = "watching"
	// ReasonElsewhere: it watches at another node, whose fresh beacon lists its
	// attachment: that node's claim.
	ReasonElsewhere Reason = "watching-elsewhere"
	// ReasonUnconfirmed: it says itself that it watches at a node, and no fresh
	// beacon of that node lists it.
	ReasonUnconfirmed Reason = "unconfirmed"
	// ReasonConnected: it has a session here and watches nothing.
	ReasonConnected Reason = "connected"
	// ReasonUnknown: it attached here, and its connection ended or was not heard for
	// three heartbeats.
	ReasonUnknown Reason = "unknown"
)

// Why a device is not there, or hears nothing where it is.
const (
	ReasonDetached      Reason = "detached"       // by its own word
	ReasonNeverAttached Reason = "never-attached" // as far as this node knows
	ReasonExpired       Reason = "attachment-expired"
	ReasonMayNotWatch   Reason = "may-not-watch" // its roles do not let it
	ReasonRevoked       Reason = "revoked"
	ReasonUnlisted      Reason = "not-listed" // in the newest epoch: it cannot read
	ReasonNoDevice      Reason = "no-such-device"
	ReasonNodeExpelled  Reason = "node-expelled"
	ReasonNodeUnknown   Reason = "node-unknown"
	ReasonNotKept       Reason = "account-not-kept"
	ReasonClock         Reason = "clock-doubtful"
)

// reasons are all of them in the order they are shown, with what to do next.
var reasons = []struct {
	name     Reason
	sentence string
}{
	{ReasonHere, "It watches at this node; there is nothing to do."},
	{ReasonElsewhere, "It watches at another node of the realm, which says so; there is nothing to do."},
	{ReasonUnconfirmed, "It said that it watches at a node which does not confirm it now; wait a minute, " +
		"then check that this node and the device run and are online."},
	{ReasonConnected, "It is connected to this node but watches nothing; start on it: presence watch."},
	{ReasonUnknown, "It watched here until it ended, or was silent for three heartbeats; nobody can tell whether it is off, asleep or cut off: " +
		"check that it runs and has a network. What it misses is kept for it."},
	{ReasonDetached, "It stopped watching by its own word; start on it: presence watch."},
	{ReasonNeverAttached, "It has never watched as far as this node knows; start on it: presence watch."},
	{ReasonExpired, "It has not renewed its attachment for two days; start on it: presence watch."},
	{ReasonMayNotWatch, "Its roles do not let it watch; whoever holds the account's key can add it again with that role: presence device add."},
	{ReasonRevoked, "It was revoked and is no device of the account any more; make a new profile on it and join with a new code: presence device join."},
	{ReasonUnlisted, "The newest epoch does not list it, so it cannot read what is posted now; " +
		"repair it where the account's key is: presence account repair."},
	{ReasonNoDevice, "The account has no such device; see which it has: presence device list."},
	{ReasonNodeExpelled, "It watches at a node that was removed from the realm; give it another one: presence watch --node ADDRESS."},
	{ReasonNodeUnknown, "It watches at a node that is not in this realm; give it one that is: presence watch --node ADDRESS."},
	{ReasonNotKept, "No node of this realm keeps the account; add one: presence account home add."},
	{ReasonClock, "The clocks of the nodes disagree by more than a minute, so the times shown may be wrong; " +
		"set the clock of the machine that is off."},
}

// Reasons are all reasons: the values a metric's label takes.
func Reasons() []Reason {
	list := make([]Reason, 0, len(reasons))
	for _, r := range reasons {
		list = append(list, r.name)
	}
	return list
}

// Sentence says to a person what it means and what to do next.
func (r Reason) Sentence() string {
	for _, known := range reasons {
		if known.name == r {
			return known.sentence
		}
	}
	return "The node gave a reason that this program does not know; update this program."
}

// Known reports whether this program has a sentence for it.
func (r Reason) Known() bool { return slices.Contains(Reasons(), r) }

// Watching reports whether somebody who speaks for a node says that the device
// hears what is posted.
func (r Reason) Watching() bool { return r == ReasonHere || r == ReasonElsewhere }
