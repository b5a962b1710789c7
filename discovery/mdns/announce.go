package mdns

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Announcement is a node that is announced until Close.
type Announcement struct {
	cfg     Config
	service service
	station *station
	turns   map[int]*turn // by interface

	stop chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

// turn is when a link is to be told what.
type turn struct {
	due  time.Time // of the next message; zero: none
	sent time.Time // the last one
	left int       // announcements that nobody asked for
	lost int       // of them, those that could not be sent
	meta bool      // the service's name was asked for
	all  bool      // the node was
}

// Announce begins to tell the network about a node. Interfaces that come up
// later are told too. An error means that there is no multicast DNS on this
// machine.
func Announce(cfg Config) (*Announcement, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s, err := openStation(cfg)
	if err != nil {
		return nil, err
	}
	a := &Announcement{
		cfg: cfg, service: newService(cfg), station: s,
		turns: make(map[int]*turn), stop: make(chan struct{}),
	}
	a.wg.Go(a.loop)
	return a, nil
}

// Close says goodbye and returns when every goroutine has ended. It may be
// called more than once.
func (a *Announcement) Close() {
	a.once.Do(func() { close(a.stop) })
	a.wg.Wait()
}

func (a *Announcement) loop() {
	defer a.station.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-a.stop:
			a.goodbye()
			return
		case p := <-a.station.packets:
			a.hear(time.Now(), p)
		case <-timer.C:
		}
		timer.Reset(time.Until(a.advance(time.Now())))
	}
}

// hear notes what a message asks for.
func (a *Announcement) hear(now time.Time, p packet) {
	l := a.station.link(p)
	if l == nil {
		return
	}
	if t := a.turns[l.Index]; t != nil {
		t.ask(now, a.service.asks(p.data))
	}
}

// ask schedules an answer: after a moment, and a second after the last.
func (t *turn) ask(now time.Time, want asked) {
	if want == nothing {
		return
	}
	t.meta = t.meta || want == services
	t.all = t.all || want == all
	if !t.due.IsZero() {
		return
	}
	t.due = now.Add(answerMin + rand.N(answerMax-answerMin))
	if first := t.sent.Add(answerPause); t.due.Before(first) {
		t.due = first
	}
}

// advance does what is due and returns when it is to be called again.
func (a *Announcement) advance(now time.Time) time.Time {
	for _, l := range a.station.scan(now) {
		a.turns[l.Index] = &turn{due: now, left: announcements}
	}
	next := a.station.scanAt
	for index, t := range a.turns {
		l := a.station.links[index]
		if l == nil {
			delete(a.turns, index)
			continue
		}
		if !t.due.IsZero() && !now.Before(t.due) {
			a.tell(now, l, t)
		}
		if !t.due.IsZero() && t.due.Before(next) {
			next = t.due
		}
	}
	return next
}

// tell sends what a link is to be told now.
func (a *Announcement) tell(now time.Time, l *link, t *turn) {
	if (t.all || t.left > 0) && !a.say(l, false) && t.left > 0 && t.lost < maxLost {
		t.left++
		t.lost++
	}
	if t.meta {
		if b, err := a.service.meta(); err == nil {
			a.station.send(l, b)
		}
	}
	t.all, t.meta, t.sent, t.due = false, false, now, time.Time{}
	if t.left = max(t.left-1, 0); t.left > 0 {
		t.due = now.Add(time.Second)
	}
}

// say sends all that the node has to say on a link, if it listens there; false
// when not everybody could be told.
func (a *Announcement) say(l *link, gone bool) bool {
	var addrs []netip.Addr
	for _, addr := range l.addrs {
		if a.cfg.announces(addr) {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return true
	}
	b, err := a.service.answer(addrs, gone)
	if err != nil {
		a.station.log.Error("announcing this node", "err", err)
		return true
	}
	return a.station.send(l, b)
}

func (a *Announcement) goodbye() {
	for _, l := range a.station.links {
		a.say(l, true)
	}
}
