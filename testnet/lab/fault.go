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

// draw returns when each copy of a packet of that many bytes comes, given that it
// left at now: nothing for a lost one.
func (l *lot) draw(now time.Duration, size int) (due [2]time.Duration, copies int) {
	f := &l.fault
	lost := l.lose()
	// Every packet draws as often, whatever became of the one before.
	jitter, late, double := l.rng.Float64(), l.rng.Float64(), l.rng.Float64()
	if lost || f.MTU > 0 && size > f.MTU {
		return due, 0
	}
	at := max(now+f.Delay+time.Duration(jitter*float64(f.Jitter)), l.last)
	due[0], copies = at, 1
	if late < f.Reorder {
		due[0] += f.late()
	} else {
		l.last = at
	}
	if double < f.Double {
		due[1], copies = due[0]+f.late(), 2
	}
	return due, copies
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
