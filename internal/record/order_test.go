package record

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// "The greatest (Serial, then hash) counts; what counts is a function of the
// SET of facts, whatever their order of arrival."
func TestNewerIsAFunctionOfTheSet(t *testing.T) {
	var set []*Fact
	for serial := range int64(4) {
		for _, see := range []string{Nobody, Contacts} {
			base := baseFor(KindPolicy)
			base.Serial = serial
			set = append(set, must(Sign(alice, key.Hash{}, base, &Policy{see, Nobody, Nobody})))
		}
	}
	var want *Fact
	for seed := range uint64(50) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(set), func(i, j int) { set[i], set[j] = set[j], set[i] })
		var counts *Fact
		for _, f := range set {
			if f.Newer(counts) {
				counts = f
			}
		}
		if want == nil {
			want = counts
		}
		if counts != want || counts.Serial != 3 {
			t.Fatalf("order %d: %d %s counts, want %d %s", seed, counts.Serial, counts.Hash().Short(), want.Serial, want.Hash().Short())
		}
	}
	for _, a := range set {
		for _, b := range set {
			if a.Newer(b) == b.Newer(a) && a != b || a.Newer(a) {
				t.Fatal("Newer is no total order")
			}
		}
	}
}

// The key column of the table in facts.md: what must be told apart is, and what
// must replace does.
func TestKeys(t *testing.T) {
	seen := map[Key]string{}
	for _, s := range samples(t) {
		seen[s.sign(t).Key()] += s.name + "; "
	}
	want := map[string]bool{
		"device; device without roles; ": true, "home; home, none; ": true, "attach; attach, detached; ": true,
		"host; host, ended; ": true, "realm; realm, defaults; ": true,
		"event, status; event, clear status; ": true, "event, queued; event, from a contact; ": true,
	}
	for _, names := range seen {
		if len(names) > 0 && countOf(names, ';') > 1 && !want[names] {
			t.Errorf("one key for %s", names)
		}
		delete(want, names)
	}
	if len(want) != 0 {
		t.Errorf("different keys for %v", want)
	}
	queued := must(Sign(phone, key.Hash{}, baseFor(KindEvent), &Event{Channel: "main", Sequence: 3, Oldest: 1, Payload: []byte{1}}))
	if queued.Key() != QueuedKey(hashOf(alice), hashOf(phone), "main", 3) {
		t.Error("QueuedKey is not the key of the event")
	}
	tag := [TagSize]byte(repeat(5, TagSize))
	status := must(Sign(phone, key.Hash{}, baseFor(KindEvent), &Event{Channel: "main", Tag: tag[:], Payload: []byte{1}}))
	if status.Key() != StatusKey(hashOf(alice), hashOf(phone), tag) {
		t.Error("StatusKey is not the key of the event")
	}
	// A node has one node fact, whatever realm it names.
	body := &Node{Agreements: []key.Agreement{nodeDH.Public()}}
	here := must(Sign(node, hashOf(house), baseFor(KindNode), body))
	there := must(Sign(node, hashOf(alice), baseFor(KindNode), body))
	if here.Key() != there.Key() {
		t.Error("a node that moves to another realm keeps its old node fact")
	}
}

func countOf(s string, c byte) (n int) {
	for i := range len(s) {
		if s[i] == c {
			n++
		}
	}
	return n
}

func TestExpiry(t *testing.T) {
	for kind, want := range map[Kind]time.Duration{
		KindAttach: 48 * time.Hour, KindEvent: 168 * time.Hour, KindHost: 720 * time.Hour, KindNode: 48 * time.Hour,
		KindDevice: 0, KindRevoked: 0, KindMember: 0, "rumour": 0,
	} {
		if got := Life(kind); got != want {
			t.Errorf("life of %s: %v, want %v", kind, got, want)
		}
	}
	f := must(Sign(phone, key.Hash{}, baseFor(KindAttach), &Attach{Nodes: []key.Hash{hashOf(phone)}}))
	for _, c := range []struct {
		at              wall.Time
		expired, tooFar bool
	}{
		{now, false, false},
		{f.Expires - 1, false, false},
		{f.Expires, true, false},
		{now - 3600, false, false}, // our clock is an hour behind
		{now - 3601, false, true},  // "Expires over now + life + 1 h: ignored"
	} {
		if f.Expired(c.at) != c.expired || f.TooFar(c.at) != c.tooFar {
			t.Errorf("at %v: expired %v, too far %v", c.at, f.Expired(c.at), f.TooFar(c.at))
		}
	}
	// What only ends something is taken however late it expires.
	for _, s := range []sample{sampleOf("detach", phone, new(Attach)), sampleOf("ended", node, &Host{Ended: true})} {
		s.base.Expires = now.Add(1000 * 24 * time.Hour)
		if f := must(Sign(s.signer, s.realm, s.base, s.body)); f.TooFar(now) || !f.Ends() {
			t.Errorf("%s is too far off", s.name)
		}
	}
	lifeless := must(Sign(alice, key.Hash{}, baseFor(KindRevoked), &Revoked{hashOf(phone)}))
	if lifeless.Expired(1<<40) || lifeless.TooFar(1) {
		t.Error("a fact without life expired")
	}
}

// "An author never lets a key's Expires fall."
func TestCovering(t *testing.T) {
	old := must(Sign(phone, key.Hash{}, baseFor(KindAttach), new(Attach)))
	sooner, later := baseFor(KindAttach), baseFor(KindAttach)
	sooner.Expires, later.Expires = now+1, now+1e6
	if got := sooner.Covering(old).Expires; got != old.Expires {
		t.Errorf("a base that expires sooner: %v", got)
	}
	if got := later.Covering(old).Expires; got != later.Expires {
		t.Errorf("a base that expires later: %v", got)
	}
	if sooner.Covering(nil) != sooner {
		t.Error("nothing to cover changed the base")
	}
}
