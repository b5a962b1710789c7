// Package notify decides what a watching device is told, and when again. A
// [Device] is a value with verbs, one per watching connection: no clock, no I/O,
// no goroutine, and nothing shared with another device but the items themselves.
// So a slow device never costs another anything (mpp.md, "Semantics that must
// hold").
//
// # Model
//
// The owner offers items: signed events, encoded once for all devices. A status
// (it has a tag) is latest-wins: per publisher and tag at most one item is held,
// a newer one takes the place of an older one. A queued event stands in line:
// at most [MaxQueued] are held, and of one publisher's channel the lower
// sequence leaves first.
//
//	              Due                  Acknowledge
//	Offer --> waiting ---> in flight ---------------> gone
//	             ^             |
//	             |             |--- repeat due, nothing changed: the same message
//	             +-------------+--- repeat due, an item changed: a new message
//	any of them ------- Drop, expired -------> gone
//
// Due packs waiting items, first come first, into one notification with the
// next serial, as many as fit the budget. At most [MaxInFlight] notifications
// are unacknowledged. A notification is repeated after 1 s, then after twice as
// long each time up to 60 s, until it is acknowledged. A repeat is the same
// message: same serial, same items. When an item of it was superseded, dropped
// or expired meanwhile, it is a new message with a new serial, which goes on
// with the old one's delays.
//
// A status that supersedes one in flight waits until that one is acknowledged
// or due again. A publisher that changes its mind a hundred times a second thus
// costs a device one notification a round trip, and a device that hears nothing
// is not told more often because there is more to tell. Statuses leave in order
// of their serials for the same reason. What was acknowledged is not
// remembered: an older status offered after that would be sent, so the owner
// offers what counts (registry) and no other.
//
// # Overflow: drop new, and remember
//
// An item that finds no room is refused with [Full], and the device notes that
// there is more. While it does, it refuses further queued events, lest they
// overtake; when half the room is free, WantsMore tells the owner to call
// Refill and to offer again, in order, what the device does not hold: the
// registry is the queue, this package its window. Room comes free by
// Acknowledge, and also by Drop and by expiry in Due: the owner asks after each.
//
// The next notification after a status was refused says so ([Batch.Any]): the
// device may fetch all that it lacks at once instead of waiting for one window
// after another (mpp.md: "told by the empty Store").
//
// An item that does not fit a notification by itself travels as a hint that the
// device acts on by fetching (mpp.md: "answered with the empty Store").
//
// # The owner's loop
//
//	for d.Due(now, wall, conn.MaxPayload(), &batch) {
//		if send(&batch) != nil {
//			d.Hold(now.Add(wait))
//			break
//		}
//		d.Sent(now, batch.Serial)
//	}
//	if d.WantsMore() {
//		d.Refill()
//		offer again
//	}
//	wake at d.Deadline()
package notify
