package record

import "meshpresence/internal/key"

// Event is one post to a channel. A status has a Tag, and per publisher and tag
// the newest replaces the older; a queued event has a Sequence, 1, 2, 3 ...
// without holes. Members: Channel (string), Tag (binary 16) or Sequence and
// Oldest (ints), Epoch (binary 32, absent when the payload is clear), Payload
// (binary), and from another account's device Capability and Device (binaries).
type Event struct {
	Channel string
	Tag     []byte // 16 bytes: a status; nil: queued
	// Sequence is at least 1, and Oldest, the lowest sequence its publisher knows
	// unexpired, 1 to Sequence; both are 0 for a status.
	Sequence, Oldest int64
	Epoch            [32]byte // the public half it is sealed to; zero: clear
	Payload          []byte   // a Payload, sealed unless Epoch is zero
	Capability       []byte   // the capability, encoded
	Device           []byte   // the publisher's device fact, encoded
}

// Kind returns KindEvent.
func (*Event) Kind() Kind { return KindEvent }

// IsStatus reports whether the event is a status rather than queued.
func (v *Event) IsStatus() bool { return v.Tag != nil }

// IsClear reports whether every node that carries the event can read it.
func (v *Event) IsClear() bool { return v.Epoch == [32]byte{} }

func (v *Event) append(b []byte) []byte {
	b = appendString(b, "Channel", v.Channel)
	if v.Tag != nil {
		b = appendBinary(b, "Tag", v.Tag)
	}
	b = appendCount(b, "Sequence", v.Sequence)
	b = appendCount(b, "Oldest", v.Oldest)
	if !v.IsClear() {
		b = appendBinary(b, "Epoch", v.Epoch[:])
	}
	b = appendBinary(b, "Payload", v.Payload)
	if v.Capability != nil {
		b = appendBinary(b, "Capability", v.Capability)
	}
	if v.Device != nil {
		b = appendBinary(b, "Device", v.Device)
	}
	return b
}

func (v *Event) read(name string, d *decoder) bool {
	switch name {
	case "Channel":
		v.Channel = d.text(MaxChannel)
	case "Tag":
		v.Tag = d.bytes(TagSize, TagSize)
	case "Sequence":
		v.Sequence = d.count()
	case "Oldest":
		v.Oldest = d.count()
	case "Epoch":
		v.Epoch = d.array32()
	case "Payload":
		v.Payload = d.bytes(1, maxPayload+key.SealOverhead)
	case "Capability":
		v.Capability = d.bytes(1, MaxCapability)
	case "Device":
		v.Device = d.bytes(1, MaxDevice)
	default:
		return false
	}
	return true
}

func (v *Event) check() error {
	if err := channel(v.Channel); err != nil {
		return err
	}
	switch {
	case v.Payload == nil:
		return missing("Payload")
	case v.IsClear() && len(v.Payload) > maxPayload:
		return malformed("payload too long")
	case !v.IsClear() && len(v.Payload) < key.SealOverhead:
		return malformed("payload too short to be sealed")
	case (v.Capability == nil) != (v.Device == nil):
		return malformed("Capability and Device come together")
	case v.IsStatus() && (v.Sequence != 0 || v.Oldest != 0):
		return malformed("a status has no sequence")
	case !v.IsStatus() && (v.Oldest < 1 || v.Oldest > v.Sequence):
		return malformed("a queued event wants 1 <= Oldest <= Sequence")
	}
	return nil
}

func (v *Event) sub(author key.Hash) string {
	if v.IsStatus() {
		return subStatus + string(author[:]) + string(v.Tag)
	}
	return queuedSub(author, v.Channel, v.Sequence)
}
