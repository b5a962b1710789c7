package handshake

import (
	"fmt"
	"io"

	"meshpresence/internal/key"
)

// String names the machine and its attempt, and none of its keys.
func (i *Initiator) String() string {
	current, _ := i.IDs()
	return "[initiator " + current.String() + "]"
}

// Format writes String for every verb and flag.
func (i *Initiator) Format(f fmt.State, _ rune) { io.WriteString(f, i.String()) }

// String names the machine by the short hash of its static key, and none of its
// keys.
func (r *Responder) String() string {
	return "[responder " + r.identity.of(key.X25519).static.Public().Hash().Short() + "]"
}

// Format writes String for every verb and flag.
func (r *Responder) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }
