package registry

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// publisher holds the events of one device of the account.
type publisher struct {
	id       key.Hash
	channels map[string]*channel
	statuses map[string]*record.Fact // newest per tag
	count    int
}

// channel is one publisher's queued events of one channel, lowest first.
type channel struct {
	name   string
	floor  int64 // the greatest Oldest of those queued: nothing below it is wanted
	queued []*record.Fact
}

func (a *account) publisher(id key.Hash) *publisher {
	p := a.posts[id]
	if p == nil {
		p = &publisher{id: id, channels: make(map[string]*channel), statuses: make(map[string]*record.Fact)}
		a.posts[id] = p
	}
	return p
}

func (p *publisher) channel(name string) *channel {
	c := p.channels[name]
	if c == nil {
		c = &channel{name: name}
		p.channels[name] = c
	}
	return c
}

// floor returns the lowest sequence still wanted of a publisher's channel.
func (a *account) floor(id key.Hash, name string) int64 {
	if p := a.posts[id]; p != nil {
		if c := p.channels[name]; c != nil {
			return c.floor
		}
	}
	return 0
}

func (a *account) insertEvent(f *record.Fact, e *record.Event) {
	a.events++
	a.eventsB += len(f.Raw)
	p := a.publisher(f.Author.Hash())
	p.count++
	if e.Tag != nil {
		p.statuses[string(e.Tag)] = f
		return
	}
	c := p.channel(e.Channel)
	i, _ := slices.BinarySearchFunc(c.queued, e.Sequence, bySequence)
	c.queued = slices.Insert(c.queued, i, f)
}

// removeEvent takes an event out, and its channel and publisher with the last of
// theirs: one that posts in ever new channels cannot grow what each post looks at.
func (a *account) removeEvent(f *record.Fact, e *record.Event) {
	a.events--
	a.eventsB -= len(f.Raw)
	p := a.posts[f.Author.Hash()]
	if p.count--; p.count == 0 {
		delete(a.posts, p.id)
	}
	if e.Tag != nil {
		delete(p.statuses, string(e.Tag))
		return
	}
	c := p.channels[e.Channel]
	if i, ok := slices.BinarySearchFunc(c.queued, e.Sequence, bySequence); ok {
		c.queued = slices.Delete(c.queued, i, i+1)
	}
	if len(c.queued) == 0 {
		delete(p.channels, e.Channel)
	} else if e.Oldest == c.floor {
		c.floor = 0
		for _, f := range c.queued {
			c.floor = max(c.floor, f.Body.(*record.Event).Oldest)
		}
	}
}

func bySequence(f *record.Fact, sequence int64) int {
	return cmp.Compare(f.Body.(*record.Event).Sequence, sequence)
}

// raiseFloor obeys the Oldest that a publisher signed: what lies below has
// expired by its own word.
func (r *Registry) raiseFloor(f *record.Fact, e *record.Event, fx *Effects) {
	if e.Tag != nil {
		return
	}
	c := r.accounts[f.Account].posts[f.Author.Hash()].channels[e.Channel]
	if e.Oldest <= c.floor {
		return
	}
	c.floor = e.Oldest
	for len(c.queued) > 0 && c.queued[0].Body.(*record.Event).Sequence < c.floor {
		r.forget(c.queued[0], fx)
	}
}

// enforceQuota drops events until the account fits (federation.md, Quota).
func (r *Registry) enforceQuota(id key.Hash, fx *Effects) {
	a := r.accounts[id]
	for a.events > MaxEvents || a.eventsB > MaxEventBytes {
		f := a.heaviest().victim()
		fx.Dropped = append(fx.Dropped, f)
		r.forget(f, fx)
	}
}

// heaviest is the publisher that holds most; at a tie the greater hash.
func (a *account) heaviest() *publisher {
	var most *publisher
	for _, p := range a.posts {
		if most == nil || p.count > most.count ||
			p.count == most.count && bytes.Compare(p.id[:], most.id[:]) > 0 {
			most = p
		}
	}
	return most
}

// victim is the event the publisher loses first: the lowest sequence of its
// fullest channel; with nothing queued, its status of the lowest Serial.
func (p *publisher) victim() *record.Fact {
	var fullest *channel
	for _, c := range p.channels {
		if fullest == nil || len(c.queued) > len(fullest.queued) ||
			len(c.queued) == len(fullest.queued) && strings.Compare(c.name, fullest.name) > 0 {
			fullest = c
		}
	}
	if fullest != nil && len(fullest.queued) > 0 {
		return fullest.queued[0]
	}
	var oldest *record.Fact
	for _, f := range p.statuses {
		if oldest == nil || oldest.Newer(f) {
			oldest = f
		}
	}
	return oldest
}
