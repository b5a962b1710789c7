package rud

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"meshpresence/transport/rud/wire"
)

// blinded is the one-time ids of a stream, nil while there are none: those that we
// issued for packets to us, and those that the peer issued for ours.
type blinded struct {
	// Issued by us: counters 1 to issued, of which the newest 64 may be spent.
	issued uint64
	unused uint64 // bit i: counter issued-i is not spent
	newest uint64 // spent

	// Issued by the peer, the oldest first. From the first set on every packet
	// takes one.
	blind bool
	asked bool // for a set that has not come
	ids   [][wire.SizeOneTimeID]byte
	since time.Duration // the last one was taken
	acked time.Duration // an acknowledgement took one of the last
}

// oneTimeKey is an Endpoint's, drawn when the first set is asked for. It never
// leaves.
type oneTimeKey struct {
	block cipher.Block
	out   int // streams that issued a set
}

// Format shows that it is there and never the key.
func (k oneTimeKey) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte("[one-time id key, redacted]"))
}

// AskOneTime asks the peer for one-time ids of this stream: from the first set on
// every packet to the peer carries one of them, and nobody on the path can tell that
// two packets belong together. MaxPayload falls by 128 bytes. It cannot be undone.
//
// OURS: a sender that has none left sends nothing, because the plain id would tell
// what it was to hide; after 30 s without a set the connection ends (ReasonBlind)
// and wants dialling anew.
func (s *Stream) AskOneTime(now time.Time) error {
	c := s.c
	t := c.e.begin(now)
	if c.phase != phaseOpen || s.bound != nil && s.bound.state != streamOpen {
		return ErrClosed
	}
	s.ask(t)
	c.flush(t)
	return nil
}

func (s *Stream) ask(now time.Duration) {
	if s.blinded == nil {
		s.blinded = &blinded{}
	}
	if !s.blinded.asked {
		s.blinded.asked = true
		s.c.tell(now, s, wire.Extension{Tag: wire.TagOneTimeStreamID})
	}
}

// blind reports whether packets to the peer carry one-time ids.
func (s *Stream) blind() bool { return s.blinded != nil && s.blinded.blind }

// stuck reports whether there is no id to send with.
func (s *Stream) stuck() bool { return s.blind() && len(s.blinded.ids) == 0 }

// low reports whether the ids left are kept for control, and for acknowledgements
// one per PTO: without those the next set might never come.
func (s *Stream) low() bool { return s.blind() && len(s.blinded.ids) < oneTimeKept }

// issues reports whether we issued one-time ids.
func (s *Stream) issues() bool { return s.blinded != nil && s.blinded.issued > 0 }

// onStuck ends a connection that has had no id for too long.
func (s *Stream) onStuck(now time.Duration) {
	if now >= s.blinded.since+oneTimePatience {
		s.c.end(now, ReasonBlind)
	}
}

// onOneTime takes a request for a set, or a set.
func (s *Stream) onOneTime(now time.Duration, value []byte) {
	if len(value) == 0 {
		s.issue(now)
		return
	}
	x := s.blinded
	if x == nil || !x.asked && !x.blind {
		s.c.end(now, ReasonBreach) // not asked for
		return
	}
	if x.ids == nil {
		x.ids = make([][wire.SizeOneTimeID]byte, 0, oneTimeMost)
	}
	for ; len(value) > 0 && len(x.ids) < oneTimeMost; value = value[wire.SizeOneTimeID:] {
		x.ids = append(x.ids, [wire.SizeOneTimeID]byte(value))
	}
	x.asked = false
	if !x.blind {
		x.blind = true
		s.cutAll() // the packets that carry them have 8 bytes less
	}
}

// take takes the next id to send with, and asks for more in time.
func (s *Stream) take(now time.Duration) (id [wire.SizeOneTimeID]byte) {
	x := s.blinded
	id = x.ids[0]
	x.ids = x.ids[:copy(x.ids, x.ids[1:])]
	x.since = now
	// With no room to ask, the next packet does: a packet is being made, and the
	// connection may not end in the middle of it.
	if len(x.ids) < oneTimeAsk && len(s.c.besides().queue) < queueMost {
		s.ask(now)
	}
	return id
}

// issue sends the peer a set of new ids, if none waits already. Attack: a peer that
// acknowledges nothing and asks without end.
func (s *Stream) issue(now time.Duration) {
	e := s.c.e
	queue := s.c.besides().queue
	if slices.ContainsFunc(queue, func(q queued) bool { return q.s == s && q.set }) {
		return
	}
	if e.oneTime.block == nil {
		var raw [32]byte
		if e.draw(raw[:]) != nil {
			return // no randomness: it asks again
		}
		block, err := aes.NewCipher(raw[:])
		if err != nil {
			return
		}
		e.oneTime.block = block
	}
	if s.blinded == nil {
		s.blinded = &blinded{}
	}
	x := s.blinded
	if x.issued == 0 {
		e.oneTime.out++
	}
	mine := s.in.id
	if s.other != nil && s.other.renewal == renewTold {
		mine = s.other.id // the peer asked before it heard of it
	}
	set := make([]byte, 0, oneTimeSet*wire.SizeOneTimeID)
	for len(set) < oneTimeSet*wire.SizeOneTimeID {
		x.issued++
		x.unused = x.unused<<1 | 1
		var plain, id [wire.SizeOneTimeID]byte
		copy(plain[:], mine[:])
		binary.BigEndian.PutUint64(plain[wire.SizeID:], x.issued)
		e.oneTime.block.Encrypt(id[:], plain[:])
		if first := wire.ID(id[:wire.SizeID]); first.IsZero() || e.taken(first) {
			continue // would be read as something else
		}
		set = append(set, id[:]...)
	}
	s.c.tell(now, s, wire.Extension{Tag: wire.TagOneTimeStreamID, Value: set})
	if x := s.c.beside; x != nil && len(x.queue) > 0 {
		x.queue[len(x.queue)-1].set = true
	}
}

// reveal finds the stream of a one-time id: "inner id in the table and counter
// issued and unspent".
func (e *Endpoint) reveal(packet []byte) (s *Stream, counter uint64) {
	var plain [wire.SizeOneTimeID]byte
	e.oneTime.block.Decrypt(plain[:], packet[:wire.SizeOneTimeID])
	s = e.streams[binary.BigEndian.Uint64(plain[:])]
	counter = binary.BigEndian.Uint64(plain[wire.SizeID:])
	if s == nil || s.blinded == nil || !s.blinded.has(counter) {
		return nil, 0
	}
	return s, counter
}

// has reports whether the counter was issued and is not spent.
func (x *blinded) has(counter uint64) bool {
	return counter != 0 && counter <= x.issued && x.issued-counter < 64 && x.unused&(1<<(x.issued-counter)) != 0
}

// spend notes that a packet under a one-time id opened: "a one-time id, spent only
// after the tag opens". Sets are reissued before they run out.
func (s *Stream) spend(now time.Duration, counter uint64) {
	x := s.blinded
	x.unused &^= 1 << (x.issued - counter)
	x.newest = max(x.newest, counter)
	if x.issued-x.newest < oneTimeLow {
		s.issue(now)
	}
}

// unblind forgets all ids.
func (s *Stream) unblind() {
	if s.issues() {
		s.c.e.oneTime.out--
	}
	s.blinded = nil
}

// cutAll cuts every frame anew that is not wholly acknowledged, for packets that
// carry less. Frames of one small packet stay as they are.
func (s *Stream) cutAll() {
	for i := s.outbox.base; i != s.outbox.next; i++ {
		if f := s.outbox.frame(i); !f.done && (f.pieces > 1 || f.padded || len(f.payload) > s.share()) {
			s.recut(i)
		}
	}
}
