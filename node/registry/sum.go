package registry

import (
	"encoding/binary"
	"math/bits"

	"meshpresence/internal/key"
)

// Sum is a digest of a set of facts: how many, and the sum of their hashes
// modulo 2^256, big endian. Two nodes with equal sums hold the same set;
// a fact is added or removed in constant time (federation.md, "/mpp/sync/1").
type Sum struct {
	Count int64
	Total [32]byte
}

// Add counts the fact with this hash in.
func (s *Sum) Add(h key.Hash) {
	s.Count++
	var carry uint64
	for i := 24; i >= 0; i -= 8 {
		var word uint64
		word, carry = bits.Add64(binary.BigEndian.Uint64(s.Total[i:]), binary.BigEndian.Uint64(h[i:]), carry)
		binary.BigEndian.PutUint64(s.Total[i:], word)
	}
}

// Remove counts the fact with this hash out; it must have been added.
func (s *Sum) Remove(h key.Hash) {
	s.Count--
	var borrow uint64
	for i := 24; i >= 0; i -= 8 {
		var word uint64
		word, borrow = bits.Sub64(binary.BigEndian.Uint64(s.Total[i:]), binary.BigEndian.Uint64(h[i:]), borrow)
		binary.BigEndian.PutUint64(s.Total[i:], word)
	}
}
