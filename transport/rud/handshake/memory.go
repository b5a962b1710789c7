package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"meshpresence/internal/key"
)

// Limits of the memory of initiators' ephemerals.
const (
	// maxEphemerals is how many e_I are kept for a slot. Attack: one address
	// with valid challenge values must not grow our memory. When it is full,
	// the rest of the slot is silence: forgetting one would let its Complete
	// be replayed.
	maxEphemerals = 1 << 16

	// minTable is the first size of a set: a quiet node keeps three of 4 KiB.
	minTable = 1 << 8

	sizeMark = 16
)

// mark is an e_I, with the MAC of the challenge value in a Complete, as it is kept:
// 16 bytes of a keyed hash, so that nobody can choose e_I that meet in one place of
// the table, nor read them from our memory.
type mark [sizeMark]byte

// memory is the e_I of Completes with a valid challenge value, by the slot of
// that value. Three slots are live, and a set serves every third one.
type memory struct {
	mac  hash.Hash
	sum  [sha256.Size]byte
	sets [liveSlots]markSet
}

func newMemory(secret key.Secret) memory {
	return memory{mac: hmac.New(sha256.New, secret[:])}
}

// mark hashes e_I and what of the packet goes with it.
func (m *memory) mark(b []byte) mark {
	m.mac.Reset()
	m.mac.Write(b)
	return mark(m.mac.Sum(m.sum[:0]))
}

// seen reports whether the slot, counted from our start, has that mark.
func (m *memory) seen(slot uint32, k mark) bool {
	s := &m.sets[slot%liveSlots]
	return s.slot == slot && s.has(k)
}

// note adds a mark that was not seen; false when the slot is full.
func (m *memory) note(slot uint32, k mark) bool {
	s := &m.sets[slot%liveSlots]
	if s.slot != slot {
		s.reset(slot)
	}
	return s.add(k)
}

// forget frees the sets of slots before oldest.
func (m *memory) forget(oldest uint32) {
	for i := range m.sets {
		if s := &m.sets[i]; s.slot < oldest && s.table != nil {
			*s = markSet{slot: s.slot}
		}
	}
}

// markSet is an open hash table; a zero mark is a free place. It is at most half
// full, and doubles until maxEphemerals.
type markSet struct {
	slot  uint32
	count int
	table []mark
}

func (s *markSet) reset(slot uint32) {
	s.slot, s.count = slot, 0
	if len(s.table) > minTable {
		s.table = nil // an attack is over: give its memory back
	}
	clear(s.table)
}

// place returns where k stands or would. The mark is a keyed hash: its first
// bytes are as good a place as any.
func (s *markSet) place(k mark) int {
	i := int(binary.LittleEndian.Uint32(k[:])) & (len(s.table) - 1)
	for s.table[i] != k && s.table[i] != (mark{}) {
		i = (i + 1) & (len(s.table) - 1)
	}
	return i
}

func (s *markSet) has(k mark) bool {
	return s.count > 0 && s.table[s.place(k)] == k
}

func (s *markSet) add(k mark) bool {
	if s.count == maxEphemerals {
		return false
	}
	if 2*s.count >= len(s.table) {
		s.grow()
	}
	s.table[s.place(k)] = k
	s.count++
	return true
}

func (s *markSet) grow() {
	old := s.table
	s.table = make([]mark, max(2*len(old), minTable))
	for _, k := range old {
		if k != (mark{}) {
			s.table[s.place(k)] = k
		}
	}
}
