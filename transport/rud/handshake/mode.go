package handshake

// Mode is how a handshake went.
type Mode byte

// The modes of the package comment.
const (
	FirstContact Mode = iota // Hello, Challenge, Complete, ResponderComplete
	Immediate                // Exchange, ResponderComplete
	Deferred                 // Exchange, Challenge, Complete, ResponderComplete
	Ticketed                 // Exchange under a ticket, ResponderComplete
)

var modeNames = [...]string{"first contact", "immediate", "deferred", "ticketed"}

// String returns the mode in words.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "unknown"
}

// exchanges reports whether the first packet is an Exchange.
func (m Mode) exchanges() bool { return m == Immediate || m == Ticketed }
