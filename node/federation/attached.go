package federation

import (
	"context"
	"slices"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"

	"meshpresence/internal/key"
	"meshpresence/node/registry"
)

// attached is what our own beacons said last.
type attached struct {
	mu     sync.Mutex
	boot   int64
	serial int64
	dirty  bool
	whole  time.Time // when the next beacon is due though nothing changed
	again  time.Time // the same, for a peer that came; zero: none did
	said   map[key.Hash]struct{}
	set    registry.Sum // of said
}

// changed notes that there may be something new to say.
func (a *attached) changed() {
	a.mu.Lock()
	a.dirty = true
	a.mu.Unlock()
}

// newcomer makes the next whole beacon due soon: a peer that came believes us
// once it saw our beacons grow.
func (a *attached) newcomer(due time.Time) {
	a.mu.Lock()
	a.again = due
	a.mu.Unlock()
}

// AttachedChanged says that devices came or went: a beacon tells the realm
// within 200 ms. It never blocks.
func (f *Federation) AttachedChanged() {
	f.attached.changed()
	f.jobs.soon(&f.jobs.beacon, time.Now().Add(beaconDelay))
	f.wake()
}

// beaconJob says what is attached here: what changed at once, and every
// BeaconEvery how many there are, which shows that we live.
func (f *Federation) beaconJob(ctx context.Context, at time.Time) time.Time {
	list := f.door.Attached(ctx)
	if ctx.Err() != nil {
		return at.Add(beaconDelay)
	}
	b := f.attached.next(at, list)
	if b == nil {
		return f.attached.due()
	}
	b.time = f.cfg.Wall.Now()
	b.sign(f.cfg.Identity, f.cfg.Realm)
	f.send(b.append(nil))
	return f.attached.due()
}

// next makes the beacon that is due, or nil.
func (a *attached) next(now time.Time, list []key.Hash) *beacon {
	a.mu.Lock()
	defer a.mu.Unlock()
	present := make(map[key.Hash]struct{}, len(list))
	for _, h := range list {
		present[h] = struct{}{}
	}
	b := &beacon{boot: a.boot}
	for h := range present {
		if _, ok := a.said[h]; !ok {
			b.added = append(b.added, h)
			a.set.Add(h)
		}
	}
	for h := range a.said {
		if _, ok := present[h]; !ok {
			b.removed = append(b.removed, h)
			a.set.Remove(h)
		}
	}
	a.said, a.dirty = present, false
	greet := !a.again.IsZero() && !now.Before(a.again)
	if len(b.added) == 0 && len(b.removed) == 0 && now.Before(a.whole) && !greet {
		return nil
	}
	if greet {
		a.again = time.Time{}
	}
	if len(b.added) > maxDelta || len(b.removed) > maxDelta {
		b.added, b.removed = nil, nil // the sum sends the others to the list
	}
	a.serial++
	b.serial, b.set = a.serial, a.set
	a.whole = now.Add(BeaconEvery)
	return b
}

// due is when the next beacon is to be made.
func (a *attached) due() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dirty {
		return time.Now().Add(beaconDelay)
	}
	if !a.again.IsZero() && a.again.Before(a.whole) {
		return a.again
	}
	return a.whole
}

// judgeBeacon judges another node's beacon: later than the last one, of a
// living member, well signed. It is passed on when it is.
func (f *Federation) judgeBeacon(ctx context.Context, b *beacon) pubsub.ValidationResult {
	node := b.node.Hash()
	if node == f.self || b.bucket != "" || !f.speakers.later(b) || !f.door.Member(ctx, node, nil) {
		return pubsub.ValidationIgnore
	}
	if !b.verify(f.cfg.Realm) {
		return f.reject()
	}
	if !f.rates.allow(f.rates.beacons, node) {
		return pubsub.ValidationIgnore
	}
	later, differs := f.speakers.heard(time.Now(), f.cfg.Wall.Now(), b)
	if differs && f.rates.allow(f.rates.lists, node) {
		f.listSoon(node)
	}
	if !later {
		return pubsub.ValidationIgnore
	}
	return pubsub.ValidationAccept
}

// list asks a node for all its attachments, because its beacon's sum is not the
// sum of those we know (federation.md, Beacon).
func (f *Federation) list(ctx context.Context, node key.Hash) error {
	id, ok := f.links.find(node)
	if !ok {
		return ErrNotConnected
	}
	s, err := f.open(ctx, id, protocolForward)
	if err != nil {
		return err
	}
	var all []key.Hash
	var after key.Hash
	for {
		var answer *frame
		if answer, err = ask(ctx, s, &frame{Ask: askList, After: after}); err != nil {
			break
		}
		all = append(all, answer.Hashes...)
		if !answer.More || len(answer.Hashes) == 0 || len(all) > maxAttached {
			break
		}
		after = answer.Hashes[len(answer.Hashes)-1]
	}
	finish(s, err)
	if err == nil {
		f.speakers.listed(node, slices.Compact(all))
	}
	return err
}
