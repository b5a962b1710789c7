package record

import "meshpresence/internal/key"

// Contact is a sealed copy of a capability given or held. Members: Capability
// (binary 32, its hash), Epoch (binary 32), Sealed (binary, see SealContact).
type Contact struct {
	Capability key.Hash
	Epoch      [32]byte
	Sealed     []byte
}

// Kind returns KindContact.
func (*Contact) Kind() Kind { return KindContact }

func (v *Contact) append(b []byte) []byte {
	b = appendBinary(b, "Capability", v.Capability[:])
	b = appendBinary(b, "Epoch", v.Epoch[:])
	return appendBinary(b, "Sealed", v.Sealed)
}

func (v *Contact) read(name string, d *decoder) bool {
	switch name {
	case "Capability":
		v.Capability = d.hash()
	case "Epoch":
		v.Epoch = d.array32()
	case "Sealed":
		v.Sealed = d.bytes(key.SealOverhead, key.SealOverhead+maxContact)
	default:
		return false
	}
	return true
}

func (v *Contact) check() error {
	switch {
	case v.Capability.IsZero():
		return missing("Capability")
	case v.Epoch == [32]byte{}:
		return missing("Epoch")
	case v.Sealed == nil:
		return missing("Sealed")
	}
	return nil
}

func (v *Contact) sub(key.Hash) string { return string(v.Capability[:]) }
