package node

import (
	"encoding/binary"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// flood registers Ids as one device of an owner until it is refused, and returns
// how many were taken.
func flood(j *joins, owner byte, device byte, ends time.Time, most int) (taken int) {
	for range most {
		var id joinID
		binary.BigEndian.PutUint64(id[:], uint64(len(j.relayed))<<16|uint64(owner)<<8|uint64(device))
		if j.register(id, key.Hash{owner}, false, side{key: key.Agreement([]byte{owner, device})}, ends) != mpp.CodeOK {
			return taken
		}
		taken++
	}
	return taken
}

// One device, one account with any number of devices, and all accounts together
// have their bounds; the Ids of one account never keep another from inviting.
func TestFloodOfIdsIsBounded(t *testing.T) {
	j, now := newJoins(), time.Now()
	ends := now.Add(access.CodeLife)
	if got := flood(&j, 1, 1, ends, 100); got != maxJoinsPerKey {
		t.Errorf("one device has %d codes, want %d", got, maxJoinsPerKey)
	}
	all := maxJoinsPerKey
	for device := range 100 {
		all += flood(&j, 1, byte(device+2), ends, 100)
	}
	if all != maxJoinsPerOwner {
		t.Errorf("one account has %d codes, want %d", all, maxJoinsPerOwner)
	}
	if got := flood(&j, 2, 1, ends, 1); got != 1 {
		t.Error("one account keeps another from inviting")
	}
	for owner := range 100 {
		for device := range 10 {
			flood(&j, byte(owner+3), byte(device), ends, 100)
		}
	}
	if len(j.relayed) != maxJoins {
		t.Errorf("%d codes in all, want %d", len(j.relayed), maxJoins)
	}
	if over := j.expire(ends); len(over) != maxJoins || len(j.relayed) != 0 {
		t.Errorf("%d of them are forgotten at their end", len(over))
	}
}

// Used codes make room, the oldest of the same owner first; codes that somebody
// waits for never do.
func TestUsedCodesMakeRoom(t *testing.T) {
	j, now := newJoins(), time.Now()
	used := func(owner byte, nth int) {
		var id joinID
		binary.BigEndian.PutUint64(id[:], uint64(owner)<<32|uint64(nth))
		code := j.register(id, key.Hash{owner}, false, side{key: key.Agreement([]byte{owner})}, now.Add(time.Duration(nth)*time.Second))
		if code != mpp.CodeOK {
			t.Fatalf("code %d of owner %d: %v", nth, owner, code)
		}
		j.relayed[id].four = new(mpp.JoinStep)
	}
	for nth := range 3 * maxJoinsPerOwner {
		used(1, nth)
	}
	if len(j.relayed) != maxJoinsPerOwner {
		t.Errorf("one account has %d used codes, want %d", len(j.relayed), maxJoinsPerOwner)
	}
	for _, r := range j.relayed {
		if r.ends.Before(now.Add(2 * maxJoinsPerOwner * time.Second)) {
			t.Error("a newer code made room and an older did not")
		}
	}
	for owner := range 60 {
		for nth := range 8 {
			used(byte(owner+2), nth)
		}
	}
	if len(j.relayed) != maxJoins {
		t.Errorf("%d codes in all, want %d", len(j.relayed), maxJoins)
	}
}

// What somebody tries costs so much that a connection has some twenty tries a
// second.
func TestTriesAreSlow(t *testing.T) {
	var a allowance
	now := time.Now()
	tries := 0
	for a.spend(now, costJoin) {
		tries++
	}
	if tries > 50 {
		t.Errorf("%d tries at once", tries)
	}
	for range 100 {
		now = now.Add(time.Second)
		for a.spend(now, costJoin) {
			tries++
		}
	}
	if tries > 50+100*25 {
		t.Errorf("%d tries in 100 seconds", tries)
	}
}
