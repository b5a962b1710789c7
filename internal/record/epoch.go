package record

import (
	"meshpresence/internal/key"
)

// Sizes of one wrap: device prefix | enc | ct.
const (
	prefixSize = 8
	wrapSize   = prefixSize + key.SealOverhead + 32
)

// Wrap is the private half of an epoch sealed to one device.
type Wrap struct {
	Device [prefixSize]byte // the first bytes of the device's hash
	Enc    [32]byte         // HPKE's encapsulated key
	Ct     [48]byte         // the private half and its AEAD tag
}

// Epoch is a generation of the account's sealing key. Members: Number (int, at
// least 1), Key (binary 32, the X25519 public half), Wraps (one binary, 88
// bytes each, at most 32), Sealed (binary: enc 32 | ciphertext of names and
// older private halves, see SignEpoch).
type Epoch struct {
	Number int64
	Key    [32]byte
	Wraps  []Wrap
	Sealed []byte
}

// Kind returns KindEpoch.
func (*Epoch) Kind() Kind { return KindEpoch }

// Lists reports whether the epoch is wrapped to the device of this hash. An
// epoch that lists a revoked key does not count.
func (v *Epoch) Lists(device key.Hash) bool {
	for i := range v.Wraps {
		if v.Wraps[i].Device == prefix(device) {
			return true
		}
	}
	return false
}

func prefix(device key.Hash) [prefixSize]byte { return [prefixSize]byte(device[:prefixSize]) }

func (v *Epoch) append(b []byte) []byte {
	wraps := make([]byte, 0, len(v.Wraps)*wrapSize)
	for i := range v.Wraps {
		w := &v.Wraps[i]
		wraps = append(append(append(wraps, w.Device[:]...), w.Enc[:]...), w.Ct[:]...)
	}
	b = appendInt(b, "Number", v.Number)
	b = appendBinary(b, "Key", v.Key[:])
	b = appendBinary(b, "Wraps", wraps)
	return appendBinary(b, "Sealed", v.Sealed)
}

func (v *Epoch) read(name string, d *decoder) bool {
	switch name {
	case "Number":
		v.Number = d.count()
	case "Key":
		v.Key = d.array32()
	case "Wraps":
		v.readWraps(d)
	case "Sealed":
		v.Sealed = d.bytes(key.SealOverhead, key.SealOverhead+maxOld)
	default:
		return false
	}
	return true
}

func (v *Epoch) readWraps(d *decoder) {
	b := d.bytes(0, MaxWraps*wrapSize)
	if len(b)%wrapSize != 0 {
		d.refuse("Wraps is not a number of wraps")
		return
	}
	v.Wraps = make([]Wrap, len(b)/wrapSize)
	for i := range v.Wraps {
		w := &v.Wraps[i]
		b = b[copy(w.Device[:], b):]
		b = b[copy(w.Enc[:], b):]
		b = b[copy(w.Ct[:], b):]
	}
}

func (v *Epoch) check() error {
	switch {
	case v.Number == 0:
		return missing("Number")
	case v.Key == [32]byte{}:
		return missing("Key")
	case v.Wraps == nil:
		return missing("Wraps")
	case v.Sealed == nil:
		return missing("Sealed")
	}
	return nil
}

func (v *Epoch) sub(key.Hash) string { return string(v.Key[:]) }
