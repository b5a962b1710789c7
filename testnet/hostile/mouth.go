package hostile

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"sync"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/federation"
)

// Mouth is what a Member has instead of a node: it believes everything that is
// not revoked, writes down what it is told by gossip, sync or forward, and offers
// what it is told to offer. It is a federation.Door, safe for concurrent use.
type Mouth struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	facts   map[record.Key]*record.Fact
	revoked map[ofAccount]bool
	show    []*record.Fact
	lies    map[key.Hash]lie
	heard   []*record.Fact
	asked   map[key.Hash]int // lies that a victim asked for
}

// ofAccount is a key, by its hash, and the account that has a say about it.
type ofAccount struct{ account, key key.Hash }

// lie is a fact offered in sync, under rows that make it wanted.
type lie struct {
	fact *record.Fact
	row  federation.Row
}

func newMouth() *Mouth {
	return &Mouth{
		changed: make(chan struct{}),
		facts:   make(map[record.Key]*record.Fact),
		revoked: make(map[ofAccount]bool),
		lies:    make(map[key.Hash]lie),
		asked:   make(map[key.Hash]int),
	}
}

// note runs f under the lock and wakes who waits.
func (m *Mouth) note(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// Offer puts facts on offer in every sync from now on. Whoever compares rows is
// told that each is newer than anything it has, and lives for ever.
func (m *Mouth) Offer(facts ...*record.Fact) {
	m.note(func() {
		for _, f := range facts {
			row := federation.Row{Hash: f.Hash(), Serial: math.MaxInt64, Key: rowKey(f)}
			m.lies[f.Hash()] = lie{f, row}
		}
	})
}

// rowKey names what a fact replaces, as nodes write it.
func rowKey(f *record.Fact) string {
	k := f.Key()
	return string(k.Kind) + "\x00" + string(k.Owner[:]) + k.Sub
}

// Heard returns every fact that was offered to this member, repetitions
// included, in order.
func (m *Mouth) Heard() []*record.Fact {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.heard)
}

// Held returns what this member believes, in no order.
func (m *Mouth) Held() (facts []*record.Fact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.facts {
		facts = append(facts, f)
	}
	return facts
}

// AwaitHeld waits until this member believes a fact.
func (m *Mouth) AwaitHeld(ctx context.Context, f *record.Fact) error {
	return m.await(ctx, func() bool {
		held := m.facts[f.Key()]
		return held != nil && held.Hash() == f.Hash()
	})
}

// AwaitAsked waits until somebody asked for each of the facts on offer.
func (m *Mouth) AwaitAsked(ctx context.Context) error {
	return m.await(ctx, func() bool {
		for h := range m.lies {
			if m.asked[h] == 0 {
				return false
			}
		}
		return true
	})
}

func (m *Mouth) await(ctx context.Context, ok func() bool) error {
	for {
		m.mu.Lock()
		done, changed := ok(), m.changed
		m.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// put believes a fact, unless a newer one is believed or it rests on a revoked
// key: what was gossiped before the revocation may come after it.
func (m *Mouth) put(f *record.Fact) federation.Verdict {
	if v := m.judge(f); v != federation.Fresh {
		return v
	}
	m.facts[f.Key()] = f
	if r, ok := f.Body.(*record.Revoked); ok {
		m.revoked[ofAccount{f.Account, r.Hash}] = true
		maps.DeleteFunc(m.facts, func(_ record.Key, f *record.Fact) bool { return m.void(f) })
	}
	return federation.Fresh
}

func (m *Mouth) judge(f *record.Fact) federation.Verdict {
	switch held := m.facts[f.Key()]; {
	case held != nil && held.Hash() == f.Hash():
		return federation.Held
	case held != nil && !f.Newer(held):
		return federation.Old
	case m.void(f):
		return federation.Refused
	}
	return federation.Fresh
}

// void reports whether a fact rests on a revoked key.
func (m *Mouth) void(f *record.Fact) bool {
	if d, ok := f.Body.(*record.Device); ok && m.revoked[ofAccount{f.Account, d.Key.Hash()}] {
		return true
	}
	return m.revoked[ofAccount{f.Account, f.Author.Hash()}]
}

// Screen implements federation.Door.
func (m *Mouth) Screen(_ context.Context, facts []*record.Fact) (verdicts []federation.Verdict) {
	m.note(func() {
		m.heard = append(m.heard, facts...)
		for _, f := range facts {
			verdicts = append(verdicts, m.judge(f))
		}
	})
	return verdicts
}

// Merge implements federation.Door.
func (m *Mouth) Merge(_ context.Context, _ key.Hash, facts []*record.Fact) (verdicts []federation.Verdict) {
	m.note(func() {
		for _, f := range facts {
			verdicts = append(verdicts, m.put(f))
		}
	})
	return verdicts
}

// Keep implements federation.Door.
func (m *Mouth) Keep(ctx context.Context, from key.Hash, facts []*record.Fact) []federation.Verdict {
	return m.Merge(ctx, from, facts)
}

// Host implements federation.Door: a hostile member keeps no accounts.
func (*Mouth) Host(context.Context, key.Hash, key.Hash, []*record.Fact) ([]*record.Fact, error) {
	return nil, errNoHome
}

// Sums implements federation.Door. With a lie about an account its sum is wrong.
func (m *Mouth) Sums(context.Context) (sums []federation.AccountSum) {
	m.mu.Lock()
	defer m.mu.Unlock()
	accounts := make(map[key.Hash]*federation.AccountSum)
	count := func(account, h key.Hash) {
		s := accounts[account]
		if s == nil {
			s = &federation.AccountSum{Account: account}
			accounts[account] = s
		}
		s.Count++
		addTo(&s.Sum, h)
	}
	for _, f := range m.facts {
		count(f.Account, f.Hash())
	}
	for _, l := range m.lies {
		count(l.fact.Account, l.fact.Hash())
	}
	for _, s := range accounts {
		sums = append(sums, *s)
	}
	return sums
}

// addTo adds a hash to a sum modulo 2^256, big endian.
func addTo(sum *[32]byte, h key.Hash) {
	carry := 0
	for i := len(sum) - 1; i >= 0; i-- {
		carry += int(sum[i]) + int(h[i])
		sum[i] = byte(carry)
		carry >>= 8
	}
}

// Rows implements federation.Door: a lie stands in the place of the truth.
func (m *Mouth) Rows(_ context.Context, account, after key.Hash, limit int) (rows []federation.Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := make(map[string]bool)
	for _, l := range m.lies {
		if l.fact.Account == account {
			told[l.row.Key] = true
			rows = append(rows, l.row)
		}
	}
	for _, f := range m.facts {
		if k := rowKey(f); f.Account == account && !told[k] {
			rows = append(rows, federation.Row{Hash: f.Hash(), Serial: f.Serial, Expires: f.Expires, Key: k})
		}
	}
	rows = slices.DeleteFunc(rows, func(r federation.Row) bool { return compare(r.Hash, after) <= 0 })
	slices.SortFunc(rows, func(a, b federation.Row) int { return compare(a.Hash, b.Hash) })
	return rows[:min(limit, len(rows))]
}

func compare(a, b key.Hash) int { return bytes.Compare(a[:], b[:]) }

// Facts implements federation.Door.
func (m *Mouth) Facts(_ context.Context, hashes []key.Hash) (facts []*record.Fact) {
	m.note(func() {
		for _, h := range hashes {
			if l, ok := m.lies[h]; ok {
				m.asked[h]++
				facts = append(facts, l.fact)
			}
		}
		for _, f := range m.facts {
			if slices.Contains(hashes, f.Hash()) {
				facts = append(facts, f)
			}
		}
	})
	slices.SortFunc(facts, func(a, b *record.Fact) int { return cmp.Compare(a.Kind, b.Kind) })
	return facts
}

// Attached implements federation.Door.
func (*Mouth) Attached(context.Context) []key.Hash { return nil }

// Member implements federation.Door: everyone is welcome.
func (m *Mouth) Member(_ context.Context, _ key.Hash, shown []*record.Fact) bool {
	m.note(func() {
		for _, f := range shown {
			if f.Verify() == nil {
				m.put(f)
			}
		}
	})
	return true
}

// Show implements federation.Door.
func (m *Mouth) Show(context.Context) []*record.Fact {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.show)
}
