package handshake

// Outcome is what became of a packet. To the sender every outcome but the
// first four is silence; the owner counts them.
type Outcome byte

// The outcomes, those that go on first, then the drops in the order of the
// checks.
const (
	Challenged  Outcome = iota // responder: the answer is a Challenge
	Completed                  // responder: a Result, the answer is a ResponderComplete; initiator: a Result
	Resent                     // responder: the answer is the stored ResponderComplete
	Accepted                   // initiator: a Challenge; Next has its Complete
	Duplicate                  // initiator: a Challenge already answered
	BadLength                  // length, or not the type's
	BadZeros                   // the first 16 bytes
	BadType                    // type byte
	BadVersion                 // version, of packet or value, or a zero handshake id
	BadSuite                   // suite unknown or not offered
	BadID                      // initiator: not a handshake id of ours
	NotExpected                // quiet responder: the Hello expects another key
	Limited                    // no token in the bucket of the address
	BadPadding                 // extension list or padding
	Stale                      // slot or generation over
	BadMAC                     // challenge value not ours, or for another source or Hello
	Replayed                   // e_I seen, and not the same bytes and source as a provisional connection
	BadTicket                  // ticket unknown, expired, redeemed or not ours to redeem
	NoRoom                     // no room for a provisional connection
	Full                       // the memory of e_I is full until the next slot
	BadHash                    // initiator: answers no first packet of this attempt
	NotPinned                  // initiator: s_R is not the pinned key, or not accepted
	TooMany                    // initiator: a fifth Challenge in an attempt, or answers without end
	BadKey                     // an agreement gave all zeros
	BadSeal                    // the section did not open
	BadBody                    // what the section holds is not allowed
	Failed                     // our side: no randomness

	// Outcomes is how many there are: an array of counters has this length.
	Outcomes = int(Failed) + 1
)

var outcomeNames = [Outcomes]string{
	"challenged", "completed", "resent", "accepted", "duplicate",
	"bad length", "bad zeros", "bad type", "bad version", "bad suite", "bad id", "not expected", "limited", "bad padding",
	"stale", "bad mac", "replayed", "bad ticket", "no room", "full",
	"bad hash", "not pinned", "too many", "bad key", "bad seal", "bad body", "failed",
}

// String returns the outcome in words, for logs and labels of metrics.
func (o Outcome) String() string {
	if int(o) < Outcomes {
		return outcomeNames[o]
	}
	return "unknown"
}
