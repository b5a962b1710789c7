package notify

import (
	"bytes"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// Item is one event to deliver. Devices share it and never change it.
type Item struct {
	Hash      key.Hash // of the event fact
	Publisher key.Hash
	Tag       string // label tag of a status; "" = queued
	Channel   string
	Sequence  int64     // of a queued event, in its publisher's channel
	Serial    int64     // of a status: the greater (Serial, then hash) counts
	Expires   wall.Time // never sent from then on; 0 = never expires
	Raw       []byte    // the encoded event fact
}

// Status tells whether the item is a status, not a queued event.
func (i *Item) Status() bool { return i.Tag != "" }

// expired tells whether the item's life is over.
func (i *Item) expired(now wall.Time) bool { return i.Expires != 0 && i.Expires <= now }

// sameLabel tells whether both are statuses of one publisher and label.
func (i *Item) sameLabel(o *Item) bool {
	return i.Status() && i.Tag == o.Tag && i.Publisher == o.Publisher
}

// before tells whether both are queued in one channel of one publisher and i
// has the lower sequence.
func (i *Item) before(o *Item) bool {
	return !i.Status() && !o.Status() && i.Sequence < o.Sequence &&
		i.Channel == o.Channel && i.Publisher == o.Publisher
}

// newer tells whether the status i counts, and not o.
func (i *Item) newer(o *Item) bool {
	if i.Serial != o.Serial {
		return i.Serial > o.Serial
	}
	return bytes.Compare(i.Hash[:], o.Hash[:]) > 0
}

// Batch is one notification: what Due fills in for its owner to encode.
type Batch struct {
	Serial int64
	Items  []*Item // sent whole, in this order
	Hints  []*Item // too large: the device is told to fetch them
	Any    bool    // statuses found no room here: the device is told to fetch them
	Repeat bool    // the device did not answer the last time: try the next path
}

func (b *Batch) reset() {
	clear(b.Items)
	clear(b.Hints)
	*b = Batch{Items: b.Items[:0], Hints: b.Hints[:0]}
}

// Offered says what became of an offered item.
type Offered uint8

const (
	// Queued: it waits to be sent.
	Queued Offered = iota + 1
	// Replaced: a status; it took the place of an older one.
	Replaced
	// Duplicate: it, or a newer status of its label, is held already.
	Duplicate
	// Full: there is no room; WantsMore tells when there is.
	Full
)

var offeredNames = [...]string{"none", "queued", "replaced", "duplicate", "full"}

// String names the outcome for logs and metrics.
func (o Offered) String() string {
	if int(o) < len(offeredNames) {
		return offeredNames[o]
	}
	return "unknown"
}
