package handshake

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

func ephemeral(n int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 24), uint64(n)) }

// "e_I are kept as 16 bytes of keyed hash: Complete's per slot (3 sets of 2^16);
// full: silence until the next slot."
func TestMemoryHoldsASlot(t *testing.T) {
	m := newMemory(key.Secret{1})
	for n := range maxEphemerals {
		k := m.mark(ephemeral(n))
		if m.seen(5, k) {
			t.Fatalf("%d was seen before", n)
		}
		if !m.note(5, k) {
			t.Fatalf("full at %d", n)
		}
	}
	if m.note(5, m.mark(ephemeral(maxEphemerals))) {
		t.Error("one more than 2^16")
	}
	for n := range maxEphemerals {
		if !m.seen(5, m.mark(ephemeral(n))) {
			t.Fatalf("%d is forgotten", n)
		}
	}
	if m.seen(5, m.mark(ephemeral(maxEphemerals))) {
		t.Error("saw what was never noted")
	}
	// The slots beside it have their own room; the third after takes its place.
	for slot := uint32(6); slot <= 7; slot++ {
		if m.seen(slot, m.mark(ephemeral(1))) || !m.note(slot, m.mark(ephemeral(1))) {
			t.Errorf("slot %d is not its own", slot)
		}
	}
	if !m.seen(5, m.mark(ephemeral(1))) {
		t.Error("the slot was forgotten while live")
	}
	m.note(8, m.mark(ephemeral(2)))
	if m.seen(5, m.mark(ephemeral(1))) || m.seen(8, m.mark(ephemeral(1))) || len(m.sets[8%liveSlots].table) != minTable {
		t.Error("the third slot after did not begin empty and small")
	}
}

func TestMemoryForgets(t *testing.T) {
	m := newMemory(key.Secret{1})
	for slot := range uint32(3) {
		m.note(slot, m.mark(ephemeral(int(slot))))
	}
	m.forget(2)
	for slot := range uint32(3) {
		if m.seen(slot, m.mark(ephemeral(int(slot)))) != (slot == 2) {
			t.Errorf("slot %d", slot)
		}
	}
	if m.sets[0].table != nil || m.sets[2].table == nil {
		t.Error("the wrong tables are free")
	}
}

// The marks are keyed: two nodes keep different ones of the same e_I.
func TestMarksAreKeyed(t *testing.T) {
	a, b := newMemory(key.Secret{1}), newMemory(key.Secret{2})
	if a.mark(ephemeral(1)) == b.mark(ephemeral(1)) {
		t.Error("the mark does not depend on the key")
	}
}

// A full memory is silence, and the slot after the next two is open again.
func TestFullMemoryIsSilence(t *testing.T) {
	now := time.Now()
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewResponder(now, ResponderConfig{Statics: []*key.Static{static}})
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddrPort("192.0.2.1:1")
	begin := func(now time.Time) []byte {
		i, err := NewInitiator(now, InitiatorConfig{Size: wire.SmallPacket})
		if err != nil {
			t.Fatal(err)
		}
		challenge, _, _ := r.Receive(now, from, i.Next(now), nil)
		if _, o := i.Receive(now, challenge); o != Accepted {
			t.Fatalf("outcome %q", o)
		}
		return i.Next(now)
	}
	first, second := begin(now), begin(now)
	if _, _, o := r.Receive(now, from, first, nil); o != Completed {
		t.Fatalf("outcome %q", o)
	}
	r.memory.sets[0].count = maxEphemerals
	if _, _, o := r.Receive(now, from, second, nil); o != Full {
		t.Errorf("outcome %q, want %q", o, Full)
	}
	now = now.Add(slotLength)
	if _, _, o := r.Receive(now, from, begin(now), nil); o != Completed {
		t.Errorf("outcome %q in the next slot", o)
	}
	r.Advance(now.Add(time.Minute))
	for i := range r.memory.sets {
		if r.memory.sets[i].table != nil {
			t.Error("Advance keeps e_I that nothing can replay")
		}
	}
}

func TestEveryOutcomeHasAName(t *testing.T) {
	seen := map[string]bool{}
	for o := range Outcome(Outcomes) {
		if s := o.String(); s == "" || seen[s] {
			t.Errorf("outcome %d is %q", o, s)
		} else {
			seen[s] = true
		}
	}
	if Outcome(Outcomes).String() != "unknown" {
		t.Error("an outcome too many has a name")
	}
}
