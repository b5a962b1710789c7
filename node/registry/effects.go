package registry

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// Verdict says what became of one offered fact.
type Verdict uint8

const (
	// Fresh: merged; it counts from now on.
	Fresh Verdict = iota + 1
	// Held: the same fact was here already.
	Held
	// Old: a newer fact counts under its key, or it lies below a floor.
	Old
	// Waits: its author, or the host fact that vouches for its account, is not
	// known here yet. Offered again after they came, it may be Fresh.
	Waits
	// Refused: it rests on a revoked or expelled key, speaks for another
	// account or realm, or is of a sort this node does not carry.
	Refused
	// Expired: its life is over, or ends later than its kind may live.
	Expired
	// Full: the account holds all the facts of this sort that it may.
	Full
)

var verdictNames = [...]string{"none", "fresh", "held", "old", "waits", "refused", "expired", "full"}

// String names the verdict for logs and metrics.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "unknown"
}

// DeviceRef names one device of one account.
type DeviceRef struct {
	Account, Device key.Hash
}

// Effects collects what the owner has to do because facts were merged or
// dropped. The zero value is ready; Reset keeps its memory for the next batch.
type Effects struct {
	// Put are merged facts to persist, in the order merged.
	Put []*record.Fact
	// Delete are keys whose facts left the registry. A key may stand in both;
	// what the registry holds when the batch is written settles it.
	Delete []record.Key
	// Events are merged events to offer to watching devices.
	Events []*record.Fact
	// Gone are events that must not be delivered any more.
	Gone []*record.Fact
	// Dropped are those of them that the account's quota took.
	Dropped []*record.Fact
	// Revoked are devices whose connections end.
	Revoked []DeviceRef
	// Attached are attach facts merged: their devices moved, or left.
	Attached []*record.Fact
	// Members is set when the realm's members or node facts changed.
	Members bool
}

// Reset empties the effects and keeps their memory.
func (fx *Effects) Reset() {
	clear(fx.Put)
	clear(fx.Events)
	clear(fx.Gone)
	clear(fx.Attached)
	clear(fx.Dropped)
	*fx = Effects{
		Put: fx.Put[:0], Delete: fx.Delete[:0], Events: fx.Events[:0],
		Gone: fx.Gone[:0], Revoked: fx.Revoked[:0], Attached: fx.Attached[:0],
		Dropped: fx.Dropped[:0],
	}
}
