package notify

import (
	"slices"
	"time"

	"meshpresence/node/mpp"
)

// hintSize bounds what a hint takes in a notification: a StoreStatus with a
// full tag, serial and hash, and its share of the list.
const hintSize = 112

// What an idle device may keep of its slices, so that the next notification
// allocates nothing and 400 bytes a device hold everything.
const (
	keepEntries = 4
	keepFlights = 1
)

// flight finds a notification in flight; nil for 0 and for serials not known.
func (d *Device) flight(serial int64) *flight {
	for i := range d.flights {
		if d.flights[i].serial == serial {
			return &d.flights[i]
		}
	}
	return nil
}

// overdue is the notification that never left, else the one that has been due
// longest, or nil. Nothing passes what never left: it would overtake.
func (d *Device) overdue(now time.Time) *flight {
	var first *flight
	for i := range d.flights {
		f := &d.flights[i]
		if !f.sent {
			return f
		}
		if !f.next.After(now) && (first == nil || f.next.Before(first.next)) {
			first = f
		}
	}
	return first
}

// waiting tells whether an item is in no notification.
func (d *Device) waiting() bool {
	return slices.ContainsFunc(d.entries, func(e entry) bool { return e.serial == 0 })
}

// holds tells whether an item is in the notification.
func (d *Device) holds(serial int64) bool {
	return slices.ContainsFunc(d.entries, func(e entry) bool { return e.serial == serial })
}

// same tells whether the notification can leave under its serial: nobody has
// seen it yet, or it is what they saw; and it fits.
func (d *Device) same(f *flight, budget int) bool {
	if f.sent && f.changed {
		return false
	}
	size := mpp.NotifyOverhead
	for _, e := range d.entries {
		if e.serial == f.serial {
			size += e.size()
		}
	}
	return size <= budget
}

// size is what the entry takes in its notification.
func (e *entry) size() int {
	if e.hint {
		return hintSize
	}
	return len(e.item.Raw)
}

// fill writes a notification in flight into b.
func (d *Device) fill(f *flight, b *Batch) {
	b.Serial, b.Repeat, b.Any = f.serial, f.tries > 0, f.any
	for i := range d.entries {
		if e := &d.entries[i]; e.serial == f.serial {
			e.put(b)
		}
	}
}

func (e *entry) put(b *Batch) {
	if e.hint {
		b.Hints = append(b.Hints, e.item)
	} else {
		b.Items = append(b.Items, e.item)
	}
}

// launch makes a notification of the items that wait, in order, until one does
// not fit, and writes it into b. There must be at least one.
func (d *Device) launch(now time.Time, tries uint8, budget int, b *Batch) {
	d.Serial++
	b.Serial, b.Repeat, b.Any = d.Serial, tries > 0, d.any
	f := flight{serial: d.Serial, next: now, tries: tries, any: d.any}
	d.any = false
	room := budget - mpp.NotifyOverhead
	for i := range d.entries {
		e := &d.entries[i]
		if e.serial != 0 {
			continue
		}
		e.hint = len(e.item.Raw) > budget-mpp.NotifyOverhead
		if e.size() > room && len(b.Items)+len(b.Hints) > 0 {
			break
		}
		room -= e.size()
		e.serial = d.Serial
		e.put(b)
	}
	d.flights = append(d.flights, f)
}

// dissolve makes the items of a notification wait again, where they stood.
func (d *Device) dissolve(f *flight) {
	for i := range d.entries {
		if e := &d.entries[i]; e.serial == f.serial && !e.succeed() {
			e.serial = 0
		}
	}
	d.any = d.any || f.any
	d.remove(f)
}

// newest is the item that counts: the one in flight, or its successor.
func (e *entry) newest() *Item {
	if e.next != nil {
		return e.next
	}
	return e.item
}

// succeed puts the newer status, which then waits, into the entry and reports
// whether there was one.
func (e *entry) succeed() bool {
	if e.next == nil {
		return false
	}
	*e = entry{item: e.next}
	return true
}

// remove ends a notification; its entries are the caller's to settle.
func (d *Device) remove(f *flight) {
	serial := f.serial
	d.flights = slices.DeleteFunc(d.flights, func(f flight) bool { return f.serial == serial })
}

// edit keeps the entries for which keep is true, in order, and counts.
func (d *Device) edit(keep func(*entry) bool) {
	kept := d.entries[:0]
	for i := range d.entries {
		e := &d.entries[i]
		status := e.item.Status()
		if keep(e) {
			kept = append(kept, *e)
		} else if status {
			d.statuses--
		}
	}
	clear(d.entries[len(kept):])
	d.entries = kept
}

// shrink gives the memory of a burst back once the device is idle.
func (d *Device) shrink() {
	if len(d.entries) > 0 {
		return
	}
	if cap(d.entries) > keepEntries {
		d.entries = nil
	}
	if cap(d.flights) > keepFlights {
		d.flights = nil
	}
}
