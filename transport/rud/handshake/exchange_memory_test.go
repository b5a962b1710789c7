package handshake

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// "e_I are kept as 16 bytes of keyed hash: ... Exchange's for 25 slots": each in the
// set of the slot that it names, and every slot that may be fresh has its own.
func TestExchangeMemoryHoldsItsSlots(t *testing.T) {
	const boot, now = 1000, 1100
	h := newMemory(key.Secret{1})
	m := newExchangeMemory(boot)
	for slot := int64(now - nearSlots); slot <= now+nearSlots; slot++ {
		if !m.fresh(now, now-boot, slot) || m.seen(uint32(slot), h.mark(ephemeral(1))) {
			t.Fatalf("slot %d", slot)
		}
		m.note(now, uint32(slot), h.mark(ephemeral(1)))
	}
	for at := int64(now); at < now+2*exchangeSlots; at++ {
		for slot := int64(now - nearSlots); slot <= now+nearSlots; slot++ {
			if m.fresh(at, at-boot, slot) && !m.seen(uint32(slot), h.mark(ephemeral(1))) {
				t.Fatalf("slot %d is fresh and forgotten at %d", slot, at)
			}
		}
		m.note(at, uint32(at), h.mark(ephemeral(2)))
	}
	if m.count > exchangeSlots+1 {
		t.Errorf("%d marks of %d slots", m.count, exchangeSlots)
	}
}

// Under any walk of the clock, also one that goes back, what was noted is seen for
// as long as it is fresh; and the count is that of the sets.
func TestExchangeMemoryUnderAnyClock(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	h := newMemory(key.Secret{1})
	const boot = 100_000
	m := newExchangeMemory(boot)
	type entry struct {
		slot int64
		k    mark
	}
	var noted []entry
	now, elapsed := int64(boot), int64(0)
	for n := range 20_000 {
		switch rnd.IntN(8) {
		case 0:
			now += rnd.Int64N(61) - 30
		case 1:
			d := rnd.Int64N(6)
			now, elapsed = now+d, elapsed+d
		}
		e := entry{now + rnd.Int64N(27) - 13, h.mark(ephemeral(n))}
		if m.fresh(now, elapsed, e.slot) {
			m.note(now, uint32(e.slot), e.k)
			noted = append(noted, e)
		}
		if len(noted) == 0 {
			continue
		}
		old := noted[rnd.IntN(len(noted))]
		if m.fresh(now, elapsed, old.slot) && !m.seen(uint32(old.slot), old.k) {
			t.Fatalf("step %d: slot %d is fresh and forgotten at %d", n, old.slot, now)
		}
	}
	count := 0
	for i := range m.sets {
		count += m.sets[i].count
	}
	if len(noted) < 1000 || count != m.count {
		t.Errorf("%d noted, %d kept, %d counted", len(noted), count, m.count)
	}
}

// A full memory gives doubt, and room again when slots are over.
func TestExchangeMemoryFull(t *testing.T) {
	const boot, now = 1000, 1100
	h := newMemory(key.Secret{1})
	m := newExchangeMemory(boot)
	for n := range maxExchanges {
		if m.full(now) {
			t.Fatalf("full at %d", n)
		}
		m.note(now, uint32(now+n%2), h.mark(ephemeral(n)))
	}
	bytes := 0
	for i := range m.sets {
		bytes += len(m.sets[i].table) * sizeMark
	}
	if bytes > 4<<20 {
		t.Errorf("%d bytes", bytes)
	}
	if !m.full(now) || !m.full(now+nearSlots) {
		t.Error("not full")
	}
	if m.full(now + nearSlots + 1) {
		t.Error("full when the first slot is over")
	}
	if m.fresh(now+nearSlots+1, nearSlots+1, now) || !m.seen(now+1, h.mark(ephemeral(1))) {
		t.Error("not the first slot was dropped")
	}
}

// The responder of a full memory defers, and answers at once when slots are over.
func TestFullExchangeMemoryDefers(t *testing.T) {
	now := time.Now()
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	boot := now
	clock := func() time.Time { return time.Unix(1_800_000_000, 0).Add(now.Sub(boot)) }
	r, err := NewResponder(now, ResponderConfig{Statics: []*key.Static{static}, Wall: clock})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(30 * slotLength)
	try := func() Outcome {
		i, err := NewInitiator(now, InitiatorConfig{Mode: Immediate, Pin: Pin{Key: static.Public()}, Wall: clock})
		if err != nil {
			t.Fatal(err)
		}
		_, _, o := r.Receive(now, netip.MustParseAddrPort("192.0.2.1:1"), i.Next(now), nil)
		return o
	}
	slot := exchangeSlot(wall.Of(clock()))
	for n := range maxExchanges {
		r.exchanges.note(int64(slot), slot, r.memory.mark(ephemeral(n)))
	}
	if o := try(); o != Challenged {
		t.Errorf("outcome %q of a full memory", o)
	}
	now = now.Add((nearSlots + 1) * slotLength)
	if o := try(); o != Completed {
		t.Errorf("outcome %q when the slots are over", o)
	}
}

// "above 500 a second (X448 counts 3)"
func TestBudget(t *testing.T) {
	now := time.Now()
	var b budget
	spend := func(cost int) (n int) {
		for b.spend(now, cost, exchangeRate) {
			n++
		}
		return n
	}
	if n := spend(costOf(key.X448)); n != 166 {
		t.Errorf("%d of X448", n)
	}
	if n := spend(costOf(key.X25519)); n != 2 {
		t.Errorf("%d of X25519 beside", n)
	}
	now = now.Add(time.Second - 1)
	if spend(1) != 0 {
		t.Error("more before the second is over")
	}
	now = now.Add(1)
	if n := spend(1); n != 500 {
		t.Errorf("%d in the next second", n)
	}
}

func TestModesHaveNames(t *testing.T) {
	for m, name := range map[Mode]string{
		FirstContact: "first contact", Immediate: "immediate", Deferred: "deferred", Ticketed: "ticketed", Ticketed + 1: "unknown",
	} {
		if m.String() != name {
			t.Errorf("%d is %q", m, m.String())
		}
	}
}
