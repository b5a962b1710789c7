package limit

import (
	"hash/maphash"
	"time"
)

// ways is how many buckets a set holds.
const ways = 8

// DefaultSize is the number of buckets of a zero Config: 256 KiB.
const DefaultSize = 1 << 14

// Config says how fast buckets fill and how much they hold.
type Config struct {
	// Rate is the tokens a second that a bucket gains, at least 1.
	Rate int

	// Burst is the tokens that a full bucket holds, at least 1.
	Burst int

	// Size is the number of buckets, rounded up to a power of two; 0 means
	// DefaultSize. Memory is 16 bytes each and never grows.
	Size int
}

// Buckets is a table of token buckets. Not safe for concurrent use.
type Buckets struct {
	interval time.Duration // between two tokens
	hold     time.Duration // of a full bucket: burst * interval
	seed     maphash.Seed
	epoch    time.Time
	mask     uint64
	sets     []set
}

// set is eight buckets: the time each is full again, since epoch.
type set struct {
	keys [ways]Key
	full [ways]time.Duration
}

// New returns a table of full buckets. now is monotonic, as in every call.
func New(now time.Time, cfg Config) *Buckets {
	interval := time.Second / time.Duration(max(cfg.Rate, 1))
	size := cfg.Size
	if size <= 0 {
		size = DefaultSize
	}
	sets := 1
	for sets*ways < size {
		sets *= 2
	}
	return &Buckets{
		interval: interval,
		hold:     interval * time.Duration(max(cfg.Burst, 1)),
		seed:     maphash.MakeSeed(),
		epoch:    now,
		mask:     uint64(sets - 1),
		sets:     make([]set, sets),
	}
}

// Allow takes a token of the key's bucket and reports whether there was one.
// scale, at least 1, makes rate and burst so many times as large.
func (b *Buckets) Allow(now time.Time, key Key, scale int) bool {
	return b.take(now, key, b.interval/time.Duration(max(scale, 1)))
}

// Spend takes so many tokens of the key's bucket, at least 1, or none when it
// holds fewer, and reports whether it did.
func (b *Buckets) Spend(now time.Time, key Key, tokens int) bool {
	return b.take(now, key, b.interval*time.Duration(max(tokens, 1)))
}

// take moves the time at which the bucket is full on by worth.
func (b *Buckets) take(now time.Time, key Key, worth time.Duration) bool {
	s := &b.sets[maphash.Comparable(b.seed, key)&b.mask]
	at := now.Sub(b.epoch)
	i := s.find(key)
	full := max(s.full[i], at) + worth
	if full-at > b.hold {
		return false
	}
	s.keys[i], s.full[i] = key, full
	return true
}

// find returns the place of the key's bucket, or of the fullest one for it to
// take over.
func (s *set) find(key Key) int {
	fullest := 0
	for i, k := range s.keys {
		if k == key {
			return i
		}
		if s.full[i] < s.full[fullest] {
			fullest = i
		}
	}
	return fullest
}
