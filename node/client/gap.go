package client

import "fmt"

// GapError says that posts will not come any more, as far as this device can
// know. Watch yields it and goes on.
type GapError struct {
	// Channel and Publisher, a device's hash, say whose posts; both are empty
	// when a node lost its store, and nobody knows what it alone had.
	Channel, Publisher string
	// From and To are the first and last sequence missed.
	From, To int64
	// Dropped says that the account held more than its quota and the node let go
	// of them; else they expired before they reached this device.
	Dropped bool
	// Node is the address of the node that lost its store.
	Node string
}

// Error says what is missing, and what to do about it.
func (g *GapError) Error() string {
	if g.Node != "" {
		return fmt.Sprintf("gap: the node %s lost its store or was set back; posts that only it had are gone, "+
			"but for those that their publishers put back: a second node would have kept them (presence account home add)", g.Node)
	}
	what := fmt.Sprintf("gap: posts %d to %d of %s by %s", g.From, g.To, g.Channel, g.Publisher)
	if g.From == g.To {
		what = fmt.Sprintf("gap: post %d of %s by %s", g.From, g.Channel, g.Publisher)
	}
	if g.Dropped {
		return what + " found no room among all that the account's devices posted and will not come; post less, or ask the publisher"
	}
	return what + " expired before reaching this device; ask the publisher"
}
