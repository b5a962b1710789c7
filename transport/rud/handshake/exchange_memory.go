package handshake

import (
	"time"

	"meshpresence/internal/key"
)

// What the specification fixes for Exchanges at the responder.
const (
	// nearSlots is how far the slot of an Exchange may be from ours, and how
	// many slots after our start none is answered at once.
	nearSlots = 12

	// exchangeSlots is how many slots that makes: the ones remembered.
	exchangeSlots = 2*nearSlots + 1

	// exchangeRate is how many Exchanges a second go to the curve; the others
	// get Challenges. Attack: an Exchange costs its sender nothing to forge and
	// us two agreements. X448 counts for costX448 of them.
	exchangeRate = 500
	costX25519   = 1
	costX448     = 3

	// busyFor is how long a full queue is remembered.
	busyFor = time.Second
)

// maxExchanges is how many e_I of Exchanges are kept, of all slots together: 4 MiB.
// Attack: whoever has a thousand keys and addresses must not grow our memory. When
// it is full Exchanges get Challenges. OURS: rud.md has silence there; a Challenge
// keeps nothing either, and lets the honest in.
const maxExchanges = 1 << 16

// exchangeMemory is the e_I of Exchanges that opened, by the slot that they name.
//
// A slot's set is dropped only when floor has passed it, and what floor has passed
// is not answered at once ever again, whatever the wall clock says later: that
// nothing is answered twice does not depend on a clock that runs forward. So floor
// moves only when something is noted. A clock that was wrong for a moment, in which
// nothing near the wrong time came, has done no harm.
type exchangeMemory struct {
	floor int64
	count int
	sets  [exchangeSlots]markSet
}

// newExchangeMemory starts at the wall slot of our boot. An Exchange answered before
// it named a slot of boot + 12 at the latest: those we may have forgotten.
func newExchangeMemory(boot int64) exchangeMemory {
	return exchangeMemory{floor: boot + nearSlots + 1}
}

// fresh reports whether an Exchange of slot, at our wall slot now and elapsed slots
// after our start, is one that we can know not to have answered. "Exchange is
// answered with a Challenge outside 12 slots of our clock, in the first 12 slots
// after boot."
func (m *exchangeMemory) fresh(now, elapsed, slot int64) bool {
	switch {
	case slot < now-nearSlots || slot > now+nearSlots:
		return false
	case slot < m.floor:
		return false
	}
	// A clock that was set forward after our start was wrong at it: then we did
	// not start when floor says, but elapsed before now.
	return slot > now-elapsed+nearSlots
}

// seen reports whether the slot has that mark.
func (m *exchangeMemory) seen(slot uint32, k mark) bool {
	s := &m.sets[slot%exchangeSlots]
	return s.slot == slot && s.has(k)
}

// full reports whether no mark can be noted at the wall slot now.
func (m *exchangeMemory) full(now int64) bool {
	if m.count >= maxExchanges {
		m.rise(now)
	}
	return m.count >= maxExchanges
}

// note adds the mark of an Exchange that was fresh and not seen.
func (m *exchangeMemory) note(now int64, slot uint32, k mark) {
	m.rise(now)
	s := &m.sets[slot%exchangeSlots]
	if s.slot != slot {
		s.reset(slot) // it is below the floor, and rise emptied it
	}
	if s.add(k) {
		m.count++
	}
}

// rise lifts the floor to what can be fresh at the wall slot now, and empties the
// sets below it.
func (m *exchangeMemory) rise(now int64) {
	if now-nearSlots <= m.floor {
		return
	}
	m.floor = now - nearSlots
	for i := range m.sets {
		if s := &m.sets[i]; int64(s.slot) < m.floor && s.count > 0 {
			m.count -= s.count
			s.reset(s.slot)
		}
	}
}

// costOf is what an Exchange of the curve takes of the budget.
func costOf(c key.Curve) int {
	if c == key.X448 {
		return costX448
	}
	return costX25519
}
