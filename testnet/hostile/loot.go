package hostile

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// Loot is what somebody who has a device's agreement key can read of its account:
// every private half that any epoch ever gave that device, and those that the
// epochs it opens hand on. Not safe for concurrent use.
type Loot struct {
	device key.Hash
	static *key.Static
	halves map[[32]byte]*record.EpochKey
}

// NewLoot begins with the keys of a device, named by the hash of its signing key.
func NewLoot(device key.Hash, static *key.Static) *Loot {
	return &Loot{device, static, make(map[[32]byte]*record.EpochKey)}
}

// Take opens what it can of facts, epochs that count and those that do not.
func (l *Loot) Take(facts ...*record.Fact) {
	for _, f := range facts {
		opened, err := record.OpenEpoch(f, l.device, l.static)
		if err != nil {
			continue
		}
		for _, k := range append(opened.Older, opened.Key) {
			l.halves[k.Public()] = k
		}
	}
}

// Has reports whether an epoch's private half is known.
func (l *Loot) Has(epoch *record.Fact) bool {
	e, ok := epoch.Body.(*record.Epoch)
	return ok && l.halves[e.Key] != nil
}

// Len is how many private halves are known.
func (l *Loot) Len() int { return len(l.halves) }

// Read returns what an event says, if it is in clear or any half known opens it.
func (l *Loot) Read(event *record.Fact) (record.Payload, bool) {
	e, ok := event.Body.(*record.Event)
	if !ok {
		return record.Payload{}, false
	}
	text := e.Payload
	if !e.IsClear() {
		k := l.halves[e.Epoch]
		if k == nil {
			return record.Payload{}, false
		}
		var err error
		if text, err = k.OpenEvent(event); err != nil {
			return record.Payload{}, false
		}
	}
	p, err := record.ParsePayload(text)
	return p, err == nil
}
