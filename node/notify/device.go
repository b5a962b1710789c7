package notify

import (
	"slices"
	"time"

	"meshpresence/internal/wall"
)

// Our limits.
const (
	// MaxQueued queued events and MaxStatuses labels are held for a device, so
	// that one which never acknowledges costs a fixed amount of memory.
	MaxQueued   = 16
	MaxStatuses = 64
	// MaxInFlight notifications are unacknowledged, so that a silent device is
	// sent a fixed number of messages, however much there is to tell.
	MaxInFlight = 4
)

// Delays between repeats (mpp.md: the reference's retry, then backoff to 60 s).
const (
	FirstRepeat = time.Second
	LastRepeat  = time.Minute
)

// Device is what one watching device is still to be told. The zero value is
// ready. A Device that outlives its connection is handed to the next with
// Resume. Not safe for concurrent use.
type Device struct {
	// Serial is the newest serial given to a notification. A device that goes
	// on from an older one takes over its Serial, since serials only grow.
	Serial int64

	entries  []entry // in the order they leave
	flights  []flight
	touched  time.Time // of the last verb: what waits is due since then
	held     time.Time // nothing is due before
	statuses uint8     // entries that are statuses
	more     bool      // something was refused for want of room
	any      bool      // a status was, and no notification says so yet
	paused   bool
}

// entry is one item held.
type entry struct {
	item *Item
	next *Item // supersedes item, which is in flight
	// serial of the notification it is in; 0 = waiting
	serial int64
	hint   bool // in flight as a hint
}

// flight is one notification that Due gave out.
type flight struct {
	serial  int64
	next    time.Time // when it is due, again or for the first time
	tries   uint8     // times sent, those under older serials included
	sent    bool      // under this serial
	changed bool      // an item of it was superseded or removed
	any     bool      // it says that statuses found no room
}

// Offer hands in an item to deliver.
func (d *Device) Offer(now time.Time, item *Item) Offered {
	d.touched = now
	if item.Status() {
		return d.offerStatus(item)
	}
	return d.offerQueued(item)
}

func (d *Device) offerStatus(item *Item) Offered {
	for i := range d.entries {
		if e := &d.entries[i]; e.item.sameLabel(item) {
			return d.supersede(e, item)
		}
	}
	if d.statuses == MaxStatuses {
		d.more, d.any = true, true
		return Full
	}
	d.entries = append(d.entries, entry{item: item})
	d.statuses++
	return Queued
}

// supersede puts item in the place of e's, at once when that is not on its way.
func (d *Device) supersede(e *entry, item *Item) Offered {
	if !item.newer(e.newest()) {
		return Duplicate
	}
	if f := d.flight(e.serial); f != nil && f.sent {
		e.next, f.changed = item, true
		return Replaced
	}
	e.item = item
	return Replaced
}

func (d *Device) offerQueued(item *Item) Offered {
	at := len(d.entries)
	for i, e := range d.entries {
		if e.item.Hash == item.Hash {
			return Duplicate
		}
		if at > i && e.serial == 0 && item.before(e.item) {
			at = i
		}
	}
	if d.more || d.queued() >= MaxQueued {
		d.more = true
		return Full
	}
	d.entries = slices.Insert(d.entries, at, entry{item: item})
	return Queued
}

func (d *Device) queued() int { return len(d.entries) - int(d.statuses) }

// Len is the number of items held, waiting or in flight.
func (d *Device) Len() int { return len(d.entries) }

// WantsMore tells that items were refused and half the room is free again.
func (d *Device) WantsMore() bool {
	return d.more && !d.paused && d.queued() <= MaxQueued/2 && int(d.statuses) <= MaxStatuses/2
}

// Refill forgets that items were refused: the owner now offers again, each
// channel in the order of its sequences, what the device does not hold, until
// one is refused.
func (d *Device) Refill() { d.more, d.any = false, false }

// Due fills b with the notification to send now and reports whether there is
// one. budget is the largest payload in bytes, of the whole message. A
// notification given out stays due until Sent or Hold. An item that exceeds the
// budget alone becomes a hint; b always holds at least one of either.
func (d *Device) Due(now time.Time, today wall.Time, budget int, b *Batch) bool {
	b.reset()
	if d.paused || now.Before(d.held) {
		return false
	}
	d.touched = now
	d.Drop(func(i *Item) bool { return i.expired(today) })
	f := d.overdue(now)
	switch {
	case f == nil && (len(d.flights) == MaxInFlight || !d.waiting()):
		return false
	case f == nil:
		d.launch(now, 0, budget, b)
	case d.same(f, budget):
		d.fill(f, b)
	default:
		tries := f.tries
		d.dissolve(f)
		d.launch(now, tries, budget, b)
	}
	return true
}

// Sent says that the notification left. It is repeated unless acknowledged.
func (d *Device) Sent(now time.Time, serial int64) {
	f := d.flight(serial)
	if f == nil {
		return
	}
	f.next = now.Add(delay(f.tries))
	f.sent = true
	if f.tries < 255 {
		f.tries++
	}
}

// delay after a notification was sent, having been sent tries times before.
func delay(tries uint8) time.Duration {
	return min(FirstRepeat<<min(tries, 6), LastRepeat)
}

// Hold says that the connection takes nothing before until: the notification
// that Due gave out, and all others, stay due. All, lest a later one overtake.
func (d *Device) Hold(until time.Time) { d.held = until }

// Acknowledge says that the device has the notification. It appends the items
// that were delivered by it to delivered, hints excepted: the device fetches
// those. A serial that is not in flight changes nothing.
func (d *Device) Acknowledge(now time.Time, serial int64, delivered []*Item) []*Item {
	f := d.flight(serial)
	if f == nil || !f.sent {
		return delivered
	}
	d.touched = now
	d.edit(func(e *entry) bool {
		if e.serial != serial {
			return true
		}
		if !e.hint {
			delivered = append(delivered, e.item)
		}
		return e.succeed()
	})
	d.remove(f)
	d.hurry(now)
	d.shrink()
	return delivered
}

// hurry repeats the other notifications soon: the device hears us.
func (d *Device) hurry(now time.Time) {
	soon := now.Add(FirstRepeat)
	for i := range d.flights {
		if f := &d.flights[i]; f.next.After(soon) {
			f.next, f.tries = soon, min(f.tries, 1)
		}
	}
}

// Deadline is when Due has something to give; zero = not before another verb.
func (d *Device) Deadline() time.Time {
	if d.paused {
		return time.Time{}
	}
	var first time.Time
	if len(d.flights) < MaxInFlight && d.waiting() {
		first = d.touched
	}
	for _, f := range d.flights {
		if first.IsZero() || f.next.Before(first) {
			first = f.next
		}
	}
	if !first.IsZero() && first.Before(d.held) {
		return d.held
	}
	return first
}

// Pause stops sending: there is no path. Offers and acknowledgements go on.
func (d *Device) Pause() { d.paused = true }

// Resume goes on, holds forgotten: what is in flight is repeated at once, with
// the first delays.
func (d *Device) Resume(now time.Time) {
	d.touched, d.held, d.paused = now, time.Time{}, false
	for i := range d.flights {
		d.flights[i].next, d.flights[i].tries = now, 0
	}
}

// Drop removes the items for which gone is true (revoked, expired, detached)
// and returns how many. gone may be asked about an item more than once.
func (d *Device) Drop(gone func(*Item) bool) int {
	held := len(d.entries)
	d.edit(func(e *entry) bool {
		// What was superseded does not count again because its successor went.
		over := gone(e.newest())
		if !over && !gone(e.item) {
			return true
		}
		if f := d.flight(e.serial); f != nil {
			f.changed = true
		}
		return !over && e.succeed()
	})
	d.flights = slices.DeleteFunc(d.flights, func(f flight) bool {
		over := !d.holds(f.serial)
		d.any = d.any || over && f.any
		return over
	})
	d.shrink()
	return held - len(d.entries)
}
