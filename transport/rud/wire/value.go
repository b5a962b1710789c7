package wire

import "encoding/binary"

// Value is the challenge value. Only the responder reads more of it than the
// hash of the first packet.
type Value [SizeValue]byte

const (
	valueSlot       = 1
	valueGeneration = 5
	valueHash       = 9
	valueMAC        = 41
)

// NewValue returns a value without its MAC. h1 is the hash of the first packet.
func NewValue(slot, generation uint32, h1 *[SizeHash]byte) (v Value) {
	v[0] = Version
	binary.BigEndian.PutUint32(v[valueSlot:], slot)
	binary.BigEndian.PutUint32(v[valueGeneration:], generation)
	copy(v[valueHash:valueMAC], h1[:])
	return v
}

// Version returns the version byte.
func (v *Value) Version() byte { return v[0] }

// Slot returns the slot of ten seconds that the value was made in.
func (v *Value) Slot() uint32 { return binary.BigEndian.Uint32(v[valueSlot:]) }

// Generation returns the number of the keys that the value was made with.
func (v *Value) Generation() uint32 { return binary.BigEndian.Uint32(v[valueGeneration:]) }

// Hash returns h1, the hash of the first packet.
func (v *Value) Hash() *[SizeHash]byte { return (*[SizeHash]byte)(v[valueHash:valueMAC]) }

// Covered returns the bytes under the MAC, all before it; they alias v.
func (v *Value) Covered() []byte { return v[:valueMAC] }

// MAC returns the last 16 bytes, which alias v.
func (v *Value) MAC() []byte { return v[valueMAC:] }
