package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshpresence/node/client"
)

// The ways in which the check can be made to fail.
const (
	failCut    = "cut"
	failLose   = "lose"
	failRepeat = "repeat"
)

// maxRemembered bounds what the ledger remembers of the live story; one round is
// far below it.
const maxRemembered = 8192

// delivery is one event that reached one device.
type delivery struct {
	Publisher string        `json:"publisher"`
	From      string        `json:"from"` // the publisher's node
	Device    string        `json:"device"`
	At        string        `json:"at"` // the device's node
	Channel   string        `json:"channel"`
	Label     string        `json:"label,omitempty"`
	Sequence  int64         `json:"sequence"` // a status's serial
	Latency   time.Duration `json:"latency_ns"`
}

// want is one event that a device is to get exactly once.
type want struct {
	device, hash string
}

// sent is what the ledger knows of one post.
type sent struct {
	at        time.Time
	publisher string
	from      string
}

// ledger holds what was to arrive and what did.
type ledger struct {
	fail string
	show func(delivery)

	mu        sync.Mutex
	data      map[string]sent // by payload: arrival may precede the receipt
	wants     map[want]bool
	optional  map[want]bool // statuses that a newer one replaced
	got       map[want]int
	latencies []time.Duration
	changed   chan struct{}
	spoilt    bool
}

func newLedger(fail string, show func(delivery)) *ledger {
	return &ledger{
		fail: fail, show: show,
		data:  make(map[string]sent),
		wants: make(map[want]bool), optional: make(map[want]bool), got: make(map[want]int),
		changed: make(chan struct{}),
	}
}

// posting notes that a payload is about to be published.
func (l *ledger) posting(payload string, s sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.data) >= maxRemembered {
		clear(l.data) // the live story goes on for ever
		clear(l.got)
	}
	l.data[payload] = s
}

// expect says that these devices are to get an event exactly once.
func (l *ledger) expect(hash string, devices ...*device) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range devices {
		l.wants[want{d.name, hash}] = true
	}
}

// mayMiss says that a newer status replaced this one: devices may or may not
// have seen it.
func (l *ledger) mayMiss(hash string, devices ...*device) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range devices {
		delete(l.wants, want{d.name, hash})
		l.optional[want{d.name, hash}] = true
	}
}

// saw records a delivery; with -fail lose the laptop's first is left out of the
// record, with -fail repeat it is recorded twice.
func (l *ledger) saw(d *device, e client.Event, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := want{d.name, e.Hash}
	times := 1
	if d.name == "laptop" && e.Label == "" && !l.spoilt {
		switch l.fail {
		case failLose:
			times, l.spoilt = 0, true
		case failRepeat:
			times, l.spoilt = 2, true
		}
	}
	l.got[w] += times
	s, known := l.data[string(e.Data)]
	if known && times > 0 {
		latency := at.Sub(s.at)
		l.latencies = append(l.latencies, latency)
		l.latencies = l.latencies[max(0, len(l.latencies)-maxRemembered):]
		number := e.Sequence
		if e.Label != "" {
			number = e.Serial
		}
		l.show(delivery{s.publisher, s.from, d.name, d.net.siteOf(e.Node), e.Channel, e.Label, number, latency})
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// complete waits until everything wanted arrived, or ctx ends.
func (l *ledger) complete(ctx context.Context) bool {
	for {
		l.mu.Lock()
		missing := l.missing()
		changed := l.changed
		l.mu.Unlock()
		if missing == 0 {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (l *ledger) missing() (n int) {
	for w := range l.wants {
		if l.got[w] == 0 {
			n++
		}
	}
	return n
}

// summary is the line that a round ends with.
type summary struct {
	Deliveries int           `json:"deliveries"`
	Wanted     int           `json:"wanted"`
	Duplicates int           `json:"duplicates"`
	Strays     int           `json:"strays"`
	P50        time.Duration `json:"p50_ns"`
	P99        time.Duration `json:"p99_ns"`
}

// good reports whether every device got what it was to get, once, and no more.
func (s summary) good() bool {
	return s.Deliveries == s.Wanted && s.Wanted > 0 && s.Duplicates == 0 && s.Strays == 0
}

func (s summary) String() string {
	return fmt.Sprintf("deliveries %d/%d duplicates %d strays %d p50 %s p99 %s",
		s.Deliveries, s.Wanted, s.Duplicates, s.Strays, short(s.P50), short(s.P99))
}

// sum counts, by comparing what was wanted with what came.
func (l *ledger) sum() summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := summary{Wanted: len(l.wants), P50: percentile(l.latencies, 50), P99: percentile(l.latencies, 99)}
	for w, times := range l.got {
		switch {
		case l.wants[w] && times > 0:
			s.Deliveries++
			s.Duplicates += times - 1
		case l.optional[w] && times > 0:
			s.Duplicates += times - 1
		case !l.wants[w] && !l.optional[w]:
			s.Strays += times
		}
	}
	return s
}

// percentile is the nearest-rank percentile.
func percentile(list []time.Duration, p int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return sorted[(len(sorted)*p+99)/100-1]
}

// short is a duration as a person reads it.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
