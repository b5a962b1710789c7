package limit

import (
	"encoding/binary"
	"net/netip"
)

// Prefix lengths in bits that share a bucket. Attack: whoever holds one address
// holds its network, in IPv6 easily 2^80 addresses.
const (
	prefix4 = 24
	prefix6 = 48
)

// Key names a bucket. Do not mix prefixes and identities in one table.
type Key uint64

// marks the keys of IPv4 prefixes, which need 24 bits, apart from those of IPv6,
// which need 48.
const markIPv4 Key = 1 << 63

// Prefix returns the key of the address's network: /24 for IPv4, also when
// mapped into IPv6, and /48 for IPv6, without its zone. The zero Addr counts as
// an IPv6 one.
func Prefix(a netip.Addr) Key {
	if a.Is4() || a.Is4In6() {
		b := a.As4()
		return markIPv4 | Key(binary.BigEndian.Uint32(b[:])>>(32-prefix4))
	}
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	return Key(binary.BigEndian.Uint64(b[:]) >> (64 - prefix6))
}

// Identity returns the key of a 64-bit identity.
func Identity(id uint64) Key { return Key(id) }
