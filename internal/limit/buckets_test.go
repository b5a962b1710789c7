package limit

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func burst(b *Buckets, now time.Time, k Key, scale int) (n int) {
	for b.Allow(now, k, scale) {
		n++
	}
	return n
}

func TestRateAndBurst(t *testing.T) {
	now := time.Now()
	b := New(now, Config{Rate: 10, Burst: 256})
	if n := burst(b, now, 1, 1); n != 256 {
		t.Errorf("%d at once, want 256", n)
	}
	if b.Allow(now.Add(100*time.Millisecond-1), 1, 1) {
		t.Error("a token before its time")
	}
	if !b.Allow(now.Add(100*time.Millisecond), 1, 1) || b.Allow(now.Add(100*time.Millisecond), 1, 1) {
		t.Error("not one token after a tenth of a second")
	}
	now = now.Add(time.Second)
	if n := burst(b, now, 1, 1); n != 9 {
		t.Errorf("%d more after a second, want 9", n)
	}
	now = now.Add(time.Hour)
	if n := burst(b, now, 1, 1); n != 256 {
		t.Errorf("%d after an hour, want 256", n)
	}
	if n := burst(b, now, 2, 1); n != 256 {
		t.Errorf("another key got %d", n)
	}
}

// A scale of two is a bucket twice as large and as fast.
func TestScale(t *testing.T) {
	now := time.Now()
	b := New(now, Config{Rate: 10, Burst: 256})
	if n := burst(b, now, 1, 2); n != 512 {
		t.Errorf("%d at once, want 512", n)
	}
	if n := burst(b, now.Add(time.Second), 1, 2); n != 20 {
		t.Errorf("%d in a second, want 20", n)
	}
}

func TestPrefix(t *testing.T) {
	key := func(s string) Key { return Prefix(netip.MustParseAddr(s)) }
	for _, same := range [][2]string{
		{"192.0.2.1", "192.0.2.254"}, {"192.0.2.1", "::ffff:192.0.2.9"}, {"2001:db8:1::1", "2001:db8:1:ffff::2"},
		{"fe80::1%eth0", "fe80::2"},
	} {
		if key(same[0]) != key(same[1]) {
			t.Errorf("%v have two buckets", same)
		}
	}
	for _, other := range [][2]string{
		{"192.0.2.1", "192.0.3.1"}, {"2001:db8:1::1", "2001:db8:2::1"}, {"192.0.2.1", "::c0:2"}, {"0.0.0.1", "::1"},
		{"192.0.2.1", "c000:200::"},
	} {
		if key(other[0]) == key(other[1]) {
			t.Errorf("%v share a bucket", other)
		}
	}
	Prefix(netip.Addr{})
}

// Cycling through other keys does not give an attacker its own bucket back: it
// is the emptiest of its set and goes last.
func TestEvictionDoesNotResetYourBucket(t *testing.T) {
	now := time.Now()
	b := New(now, Config{Rate: 1, Burst: 100, Size: 1 << 10})
	mine := Key(1)
	burst(b, now, mine, 1)
	got := 0
	for k := Key(2); k < 1<<16; k++ {
		b.Allow(now, k, 1)
		if b.Allow(now, mine, 1) {
			got++
		}
	}
	// 64 keys a bucket later it has gained a few tokens at most, for which the
	// keys it sent were charged.
	if got > 10 {
		t.Errorf("%d tokens by evicting", got)
	}
}

// However many keys there are, a set gives no more than its eight buckets.
func TestManyKeysShareFixedTokens(t *testing.T) {
	now := time.Now()
	b := New(now, Config{Rate: 10, Burst: 5, Size: ways}) // one set
	rnd := rand.New(rand.NewPCG(1, 2))
	allowed := 0
	for range 200_000 {
		if b.Allow(now, Key(rnd.Uint64()), 1) {
			allowed++
		}
	}
	if allowed != ways*5 {
		t.Errorf("%d allowed at once, want %d", allowed, ways*5)
	}
	for range 100 {
		now = now.Add(100 * time.Millisecond)
		for range 100 {
			if b.Allow(now, Key(rnd.Uint64()), 1) {
				allowed++
			}
		}
	}
	if want := ways * (5 + 100); allowed > want {
		t.Errorf("%d allowed in 10 s, want %d at most", allowed, want)
	}
}

// A flood of keys leaves the buckets of the ones that were there before alone
// when there are full ones to take.
func TestQuietKeysKeepTheirBuckets(t *testing.T) {
	now := time.Now()
	b := New(now, Config{Rate: 10, Burst: 10, Size: 1 << 10})
	for k := Key(1); k <= 50; k++ {
		burst(b, now, k, 1)
	}
	reset := 0
	for k := Key(1); k <= 50; k++ {
		b.Allow(now, k+1000, 1)
		if b.Allow(now, k, 1) {
			reset++
		}
	}
	if reset > 0 {
		t.Errorf("%d buckets were forgotten with room in the table", reset)
	}
}

func TestZeroConfig(t *testing.T) {
	now := time.Now()
	b := New(now, Config{})
	if n := burst(b, now, 0, 0); n != 1 {
		t.Errorf("%d tokens", n)
	}
	if len(b.sets)*ways != DefaultSize {
		t.Errorf("%d buckets", len(b.sets)*ways)
	}
	if b := New(now, Config{Rate: 2e9, Burst: 4, Size: 1}); !b.Allow(now, 1, 1) {
		t.Error("a rate above one a nanosecond gives nothing")
	}
}

func TestNoAllocation(t *testing.T) {
	now := time.Now()
	b := New(now, Config{Rate: 10, Burst: 256})
	a, n := netip.MustParseAddr("2001:db8::1"), Key(0)
	if a := testing.AllocsPerRun(1000, func() { n++; b.Allow(now, Prefix(a)+n, 1) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkAllow(b *testing.B) {
	now := time.Now()
	l := New(now, Config{Rate: 10, Burst: 256})
	for k := Key(0); b.Loop(); k++ {
		l.Allow(now, k, 1)
	}
}

// What costs more takes more, all or nothing.
func TestSpend(t *testing.T) {
	now := time.Unix(1, 0)
	b := New(now, Config{Rate: 10, Burst: 20})
	key := Identity(1)
	for _, step := range []struct {
		after  time.Duration
		tokens int
		want   bool
	}{{0, 15, true}, {0, 6, false}, {0, 5, true}, {0, 1, false}, {time.Second, 11, false}, {time.Second, 10, true}, {time.Second, 0, false}} {
		if got := b.Spend(now.Add(step.after), key, step.tokens); got != step.want {
			t.Errorf("%d tokens after %v: %v", step.tokens, step.after, got)
		}
	}
}
