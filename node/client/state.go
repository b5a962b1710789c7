package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

const (
	stateSchema = "presence.state/1"
	stateFile   = "state.json"
	// serialBlock is how many serials one process reserves at once.
	serialBlock = 1024
	// maxLiving bounds the posts whose expiry is remembered: as many as an
	// account may have at its homes.
	maxLiving = 1000
	// maxStatuses and maxStreams bound what is remembered as received: a
	// hostile publisher of the account cannot grow the file without end.
	maxStatuses = 4096
	maxStreams  = 4096
	// maxRanges bounds the runs remembered of one channel: as many as posts live.
	maxRanges = maxLiving
)

// state is what several processes on one profile share, under the file lock.
type state struct {
	Schema string `json:"schema"`
	// Serial is the highest serial reserved.
	Serial int64 `json:"serial"`
	// Sequences are the last sequence posted, by channel.
	Sequences map[string]int64 `json:"sequences"`
	// Living are the queued posts not expired yet, by channel, oldest first.
	Living map[string][]living `json:"living"`
	// Covers is the latest Expires signed under each tag of ours.
	Covers map[string]wall.Time `json:"covers"`
	// Leased is the latest Expires of any attach fact of this device.
	Leased   wall.Time    `json:"leased,omitempty"`
	Streams  []held       `json:"streams"`
	Statuses []heldStatus `json:"statuses"`
	// Stores are what nodes said of their stores, by the node's hash.
	Stores map[string]stored `json:"stores,omitempty"`
}

// living is one queued post of ours and when it expires.
type living struct {
	Sequence int64     `json:"sequence"`
	Expires  wall.Time `json:"expires"`
}

// held is what was received of one publisher's channel.
type held struct {
	Publisher key.Hash    `json:"publisher"`
	Channel   string      `json:"channel"`
	Floor     int64       `json:"floor"`
	Ranges    []mpp.Range `json:"ranges,omitempty"`
	// Begin is the first sequence that came: what lies below was before our time.
	// Told is up to where a node told that what is missing was dropped.
	Begin int64  `json:"begin,omitempty"`
	Told  int64  `json:"told,omitempty"`
	Holes []hole `json:"holes,omitempty"`
}

// heldStatus is the newest status received under one tag.
type heldStatus struct {
	Publisher key.Hash `json:"publisher"`
	Tag       []byte   `json:"tag"`
	Serial    int64    `json:"serial"`
}

// serial is a block of reserved serials.
type serial struct{ next, end int64 }

// shared runs f on the state as it stands on disk, under the file lock, and
// writes it back, synced, when f says that it changed.
func (p *Profile) shared(f func(s *state) (changed bool, err error)) error {
	if p.fleeting() {
		_, err := f(&p.passing)
		return err
	}
	return p.locked(func() error {
		s, err := p.readState()
		if err != nil {
			return err
		}
		changed, err := f(s)
		if err != nil || !changed {
			return err
		}
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return writeFile(p.path(stateFile), append(b, '\n'))
	})
}

// locked runs f while no other process on the profile writes. It is not
// reentrant.
func (p *Profile) locked(f func() error) error {
	if p.fleeting() {
		return f()
	}
	unlock, err := lockFile(p.path("lock"))
	if err != nil {
		return fmt.Errorf("locking the profile %s: %w", p.dir, err)
	}
	defer unlock()
	return f()
}

func (p *Profile) readState() (*state, error) {
	s := &state{Schema: stateSchema}
	b, err := os.ReadFile(p.path(stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("reading the profile's state: %w", err)
	default:
		if err := json.Unmarshal(b, s); err != nil {
			return nil, fmt.Errorf("reading %s: %w", p.path(stateFile), err)
		}
	}
	if s.Schema != stateSchema {
		return nil, fmt.Errorf("reading %s: it says %q, this program reads %q", p.path(stateFile), s.Schema, stateSchema)
	}
	if s.Sequences == nil {
		s.Sequences = make(map[string]int64)
	}
	if s.Living == nil {
		s.Living = make(map[string][]living)
	}
	return s, nil
}

// takeSerial returns the next serial of a message: one that this device never
// used before, in any process, through any crash, and greater than this
// process's last. Facts take theirs under the lock (state.factSerial): of two
// processes' facts the later one must have the greater.
func (p *Profile) takeSerial() (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.next >= p.next.end {
		err := p.shared(func(s *state) (bool, error) {
			p.next = serial{s.Serial + 1, s.Serial + 1 + serialBlock}
			s.Serial += serialBlock
			return true, nil
		})
		if err != nil {
			return 0, err
		}
	}
	p.next.next++
	return p.next.next - 1, nil
}

// factSerial takes the serial of a post or an attach fact: greater than every
// serial reserved so far, by any process. The caller says that s changed.
func (s *state) factSerial() int64 {
	s.Serial++
	return s.Serial
}

// raise lifts serials and sequences above a fact of this device's own, and keeps
// Oldest and Expires as honest as they were: what it posted before may live.
func (s *state) raise(f *record.Fact, now wall.Time) (changed bool) {
	if f.Serial > s.Serial {
		s.Serial, changed = f.Serial, true
	}
	e, ok := f.Body.(*record.Event)
	switch {
	case !ok:
	case e.IsStatus():
		tag := [record.TagSize]byte(e.Tag)
		changed = changed || f.Expires > s.Covers[coverName(tag)]
		s.coverStatus(tag, f.Expires)
	case e.Sequence > s.Sequences[e.Channel]:
		s.Sequences[e.Channel], changed = e.Sequence, true
		s.live(e.Channel, living{e.Oldest, now.Add(DefaultEventLife)})
	}
	return changed
}

// received adds events to what this device holds, and returns what expired on its
// way here as the event shows.
func (s *state) received(f *record.Fact, now wall.Time) []*GapError {
	e := f.Body.(*record.Event)
	publisher := f.Author.Hash()
	if e.Tag != nil {
		s.receivedStatus(publisher, e.Tag, f.Serial)
		return nil
	}
	h := s.stream(publisher, e.Channel)
	if h == nil {
		return nil
	}
	h.await(e.Sequence, now)
	lost := h.expire(e.Oldest)
	h.add(e.Sequence, e.Oldest)
	return lost
}

// stream is what was received of one publisher's channel; nil when there is no
// room for one more.
func (s *state) stream(publisher key.Hash, channel string) *held {
	i := slices.IndexFunc(s.Streams, func(h held) bool { return h.Publisher == publisher && h.Channel == channel })
	if i < 0 {
		if len(s.Streams) >= maxStreams {
			return nil
		}
		s.Streams = append(s.Streams, held{Publisher: publisher, Channel: channel})
		i = len(s.Streams) - 1
	}
	return &s.Streams[i]
}

// receivedStatus notes a status, last. Past the bound the one that came longest ago
// is forgotten: nodes keep fewer, so that it is over by then.
func (s *state) receivedStatus(publisher key.Hash, tag []byte, serial int64) {
	i := slices.IndexFunc(s.Statuses, func(st heldStatus) bool {
		return st.Publisher == publisher && string(st.Tag) == string(tag)
	})
	if i >= 0 {
		serial = max(serial, s.Statuses[i].Serial)
	} else if len(s.Statuses) >= maxStatuses {
		i = 0
	}
	if i >= 0 {
		s.Statuses = slices.Delete(s.Statuses, i, i+1)
	}
	s.Statuses = append(s.Statuses, heldStatus{publisher, tag, serial})
}

// add notes a sequence. Only the Oldest in an event's signed body, or having
// all below, moves the floor; a hole costs a range (federation.md, Delivery).
func (h *held) add(sequence, oldest int64) {
	h.Floor = max(h.Floor, oldest-1)
	if sequence > h.Floor && !h.has(sequence) {
		i, _ := slices.BinarySearchFunc(h.Ranges, sequence, func(r mpp.Range, n int64) int { return cmp.Compare(r.From, n) })
		h.Ranges = slices.Insert(h.Ranges, i, mpp.Range{From: sequence, To: sequence})
	}
	h.compact()
}

// compact joins ranges that touch and swallows those at the floor. Past the
// bound the lowest is forgotten, at worst delivered again.
func (h *held) compact() {
	var joined []mpp.Range
	for _, r := range h.Ranges {
		switch n := len(joined); {
		case r.From <= h.Floor+1:
			h.Floor = max(h.Floor, r.To)
		case n > 0 && r.From <= joined[n-1].To+1:
			joined[n-1].To = max(joined[n-1].To, r.To)
		default:
			joined = append(joined, r)
		}
	}
	h.Ranges = joined[max(0, len(joined)-maxRanges):]
}

func (h *held) has(sequence int64) bool {
	if sequence <= h.Floor {
		return true
	}
	return slices.ContainsFunc(h.Ranges, func(r mpp.Range) bool { return r.From <= sequence && sequence <= r.To })
}

// has reports whether an event was received before, or a newer status.
func (s *state) has(f *record.Fact) bool {
	e := f.Body.(*record.Event)
	publisher := f.Author.Hash()
	if e.Tag != nil {
		return slices.ContainsFunc(s.Statuses, func(st heldStatus) bool {
			return st.Publisher == publisher && string(st.Tag) == string(e.Tag) && st.Serial >= f.Serial
		})
	}
	return slices.ContainsFunc(s.Streams, func(h held) bool {
		return h.Publisher == publisher && h.Channel == e.Channel && h.has(e.Sequence)
	})
}

// since says it to a node, of each channel as many ranges as a message may hold:
// the events of those below come again and are dropped here.
func (s *state) since() []mpp.Since {
	var list []mpp.Since
	for _, h := range s.Streams {
		told := h.Ranges[max(0, len(h.Ranges)-mpp.MaxRanges):]
		list = append(list, mpp.Since{Publisher: h.Publisher[:], Channel: h.Channel, Floor: h.Floor, Ranges: told})
	}
	for _, st := range s.Statuses {
		list = append(list, mpp.Since{Publisher: st.Publisher[:], Tag: st.Tag, Serial: st.Serial})
	}
	return list
}

// post reserves the next sequence of a channel and returns it with the lowest
// one that has not expired.
func (s *state) post(channel string, now, expires wall.Time) (sequence, oldest int64) {
	s.Sequences[channel]++
	sequence = s.Sequences[channel]
	s.Living[channel] = slices.DeleteFunc(s.Living[channel], func(l living) bool { return l.Expires <= now })
	s.live(channel, living{sequence, expires})
	return sequence, s.Living[channel][0].Sequence
}

// live notes until when a post lives. Past the bound the two lowest become one:
// Oldest may lag behind then, and never runs ahead.
func (s *state) live(channel string, l living) {
	list := s.Living[channel]
	i, found := slices.BinarySearchFunc(list, l.Sequence, func(l living, n int64) int { return cmp.Compare(l.Sequence, n) })
	if found {
		list[i].Expires = max(list[i].Expires, l.Expires)
	} else {
		list = slices.Insert(list, i, l)
	}
	for len(list) > maxLiving {
		list[1] = living{list[0].Sequence, max(list[0].Expires, list[1].Expires)}
		list = list[1:]
	}
	s.Living[channel] = list
}

// coverStatus keeps a status's Expires from falling below that of the one it
// replaces, so that nothing older outlives it (facts.md, Expired).
func (s *state) coverStatus(tag [record.TagSize]byte, expires wall.Time) wall.Time {
	name := coverName(tag)
	if s.Covers == nil {
		s.Covers = make(map[string]wall.Time)
	}
	expires = max(expires, s.Covers[name])
	if len(s.Covers) >= maxStatuses { // what is over need not be covered
		over := expires.Add(-DefaultEventLife)
		maps.DeleteFunc(s.Covers, func(_ string, until wall.Time) bool { return until <= over })
	}
	if len(s.Covers) < maxStatuses || s.Covers[name] != 0 {
		s.Covers[name] = expires
	}
	return expires
}

func coverName(tag [record.TagSize]byte) string { return fmt.Sprintf("%x", tag) }
