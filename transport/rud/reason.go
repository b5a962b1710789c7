package rud

import (
	"errors"
	"fmt"
)

// Errors of Conn and Stream. They change nothing.
var (
	ErrTooLarge = errors.New("payload does not fit 16 packets of this path")
	ErrFull     = errors.New("too much is unacknowledged on this connection")
	ErrClosed   = errors.New("connection is closed")

	ErrStreams   = errors.New("no room for another stream on this connection")
	ErrBinding   = errors.New("stream of no kind, no protocol, or with too large credentials")
	ErrDirection = errors.New("the stream's kind does not let us send now")
	ErrEmpty     = errors.New("an empty frame is no message of a stream")
	ErrRolling   = errors.New("keys or ids are changing, or are too young")
)

// Reason says why a connection ended. Only Leave tells the peer.
type Reason byte

// The reasons.
const (
	ReasonClosed    Reason = iota // by Close
	ReasonAged                    // two hours: dial anew
	ReasonExhausted               // 2^25 packets in a direction: dial anew
	ReasonForged                  // 2^36 packets did not open: somebody guesses tags
	ReasonBreach                  // a packet of the peer's opened and broke a limit
	ReasonReset                   // the peer lost the connection and said so: dial anew
	ReasonBlind                   // no one-time id was left, and none came: dial anew
	ReasonLeft                    // the peer left and said so
)

var reasonNames = [...]string{"closed here", "two hours old", "out of packet numbers", "too many forgeries", "the peer broke a limit", "the peer restarted", "out of one-time ids", "the peer left"}

// String returns the reason in words.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", byte(r))
}
