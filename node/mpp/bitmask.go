package mpp

// StoreType is the reference's number of a kind of store (reference.md 4).
type StoreType uint8

// The store types. The spools Local, Inbound, Outbound, Archive and Notary have
// numbers 1 to 5 but all report Any.
const (
	StoreAny         StoreType = 0
	StoreLocal       StoreType = 1
	StoreInbound     StoreType = 2
	StoreOutbound    StoreType = 3
	StoreArchive     StoreType = 4
	StoreNotary      StoreType = 5
	StoreAccess      StoreType = 6
	StoreApplication StoreType = 7
	StoreBookmark    StoreType = 8
	StoreCallsign    StoreType = 9
	StoreCarnet      StoreType = 10
	StoreContact     StoreType = 11
	StoreCredential  StoreType = 12
	StoreDevice      StoreType = 13
	StoreMember      StoreType = 14
	StoreNetwork     StoreType = 15
	StorePublication StoreType = 16
	StoreTask        StoreType = 17
	StoreAccount     StoreType = 18
	StoreDocument    StoreType = 19
)

const (
	// BitmaskSize is the length the reference's masks have: it fails on others.
	BitmaskSize = 4
	// MaxBitmask is its MaximumBitmaskLengthBits, 1024, in bytes.
	MaxBitmask = 128
)

// Bitmask says which stores a transaction touched: byte type/8, bit type mod 8.
type Bitmask [BitmaskSize]byte

// Mask is the mask with this store's bit. Spools give StoreAny's, as the
// reference does; a number past the mask does too: something changed.
func (t StoreType) Mask() Bitmask {
	var m Bitmask
	if t < StoreAccess || t >= BitmaskSize*8 {
		t = StoreAny
	}
	m[t/8] = 1 << (t % 8)
	return m
}

// MaskOf is the OR of the stores' masks.
func MaskOf(stores ...StoreType) Bitmask {
	var m Bitmask
	for _, t := range stores {
		m = m.Or(t.Mask())
	}
	return m
}

// ParseBitmask reads a mask of any length up to MaxBitmask. Bits past the
// fourth byte stand for stores this version does not know and become Any.
func ParseBitmask(b []byte) (Bitmask, error) {
	var m Bitmask
	if len(b) > MaxBitmask {
		return m, ErrLimit
	}
	n := copy(m[:], b)
	for _, v := range b[n:] {
		if v != 0 {
			m = m.Or(StoreAny.Mask())
		}
	}
	return m, nil
}

// Or is the mask of everything touched by either.
func (m Bitmask) Or(o Bitmask) Bitmask {
	for i := range m {
		m[i] |= o[i]
	}
	return m
}

// Has tells whether the store was touched.
func (m Bitmask) Has(t StoreType) bool {
	mask := t.Mask()
	for i := range m {
		if m[i]&mask[i] != 0 {
			return true
		}
	}
	return false
}
