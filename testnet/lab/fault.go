package lab

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// Fault is what one direction of a Wire does to packets. The zero value does
// nothing.
type Fault struct {
	Loss    float64       // share of packets lost, 0 to 1
	Burst   float64       // mean length of a run of losses; 0: each packet alone
	Delay   time.Duration // of every packet
	Jitter  time.Duration // up to that much more, but in order
	Reorder float64       // share of packets that Late delays besides, out of order
	Late    time.Duration // 0: as Delay, or 20 ms without one
	Double  float64       // share of packets that come twice
	Corrupt float64       // share of datagrams with a bit flipped that no checksum tells
	MTU     int           // longer IP packets vanish, and no ICMP says so; 0: none
}

// usualLate is by how much a packet is late when nothing else is said.
const usualLate = 20 * time.Millisecond

// lot draws what becomes of packet after packet, from a seed: the same seed draws
// the same. One goroutine at a time.
type lot struct {
	fault Fault
	rng   *rand.Rand
	lossy bool          // within a run of losses
	last  time.Duration // when the newest packet in order comes
}

func newLot(seed uint64, name string) *lot {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	copy(key[8:], name)
	return &lot{rng: rand.New(rand.NewChaCha8(key))}
}

// fate is what becomes of a packet.
type fate struct {
	due  []time.Duration // when each copy comes: none of a lost one
	flip bool            // a bit of it, which bit chooses
	bit  uint64
}

// draw returns what becomes of a packet of that many bytes that left at now.
func (l *lot) draw(now time.Duration, size int) (d fate) {
	f := &l.fault
	lost := l.lose()
	// Every packet draws as often, whatever became of the one before.
	jitter, late, double, corrupt := l.rng.Float64(), l.rng.Float64(), l.rng.Float64(), l.rng.Float64()
	d.bit = l.rng.Uint64()
	if lost || f.MTU > 0 && size > f.MTU {
		return d
	}
	d.flip = corrupt < f.Corrupt
	at := max(now+f.Delay+time.Duration(jitter*float64(f.Jitter)), l.last)
	if late < f.Reorder {
		d.due = append(d.due, at+f.late())
	} else {
		d.due = append(d.due, at)
		l.last = at
	}
	if double < f.Double {
		d.due = append(d.due, d.due[0]+f.late())
	}
	return d
}

func (f *Fault) late() time.Duration {
	switch {
	case f.Late > 0:
		return f.Late
	case f.Delay > 0:
		return f.Delay
	}
	return usualLate
}

// lose draws from Gilbert's two states, one of which loses everything: runs are
// Burst long in the mean, and Loss is their share.
func (l *lot) lose() bool {
	f := &l.fault
	p := l.rng.Float64()
	if f.Burst <= 1 || f.Loss >= 1 {
		return p < f.Loss
	}
	if l.lossy {
		l.lossy = p >= 1/f.Burst
	} else {
		l.lossy = p < f.Loss/(f.Burst*(1-f.Loss))
	}
	return l.lossy
}
