package mdns

import (
	"context"
	"math/rand/v2"
	"time"
)

// Browse searches for nodes until ctx ends, and then returns nil. found is
// called, from this goroutine, with every node that is heard, again when it says
// something new or goes, and now and then while it says the same. It must not
// block. An error means that there is no multicast DNS on this machine.
func Browse(ctx context.Context, cfg Config, found func(Entry)) error {
	cfg = cfg.withDefaults()
	s, err := openStation(cfg)
	if err != nil {
		return err
	}
	defer s.close()
	b := browser{station: s, found: found, heard: make(table)}
	if b.question, err = question(); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-s.packets:
			b.hear(time.Now(), p)
		case <-timer.C:
			timer.Reset(time.Until(b.advance(time.Now())))
		}
	}
}

// browser is one search.
type browser struct {
	station  *station
	found    func(Entry)
	question []byte
	heard    table
	askAt    time.Time
	pause    time.Duration // before the question after the next
}

// advance asks when that is due, anew on a link that is new, and returns when
// it is to be called again.
func (b *browser) advance(now time.Time) time.Time {
	if len(b.station.scan(now)) > 0 {
		b.askAt, b.pause = now.Add(answerMin+rand.N(answerMax-answerMin)), askFirst
	}
	if !b.askAt.IsZero() && !now.Before(b.askAt) {
		for _, l := range b.station.links {
			b.station.send(l, b.question)
		}
		b.askAt = now.Add(b.pause)
		b.pause = min(2*b.pause, askMost)
	}
	if !b.askAt.IsZero() && b.askAt.Before(b.station.scanAt) {
		return b.askAt
	}
	return b.station.scanAt
}

// hear reads a message and tells what is new in it.
func (b *browser) hear(now time.Time, p packet) {
	l := b.station.link(p)
	if l == nil {
		return
	}
	for _, e := range entries(p.data, l.Name, l.loopback()) {
		if told, news := b.heard.hear(now, e); news {
			b.found(told)
		}
	}
}
