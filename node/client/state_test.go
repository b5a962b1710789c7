package client

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

func testProfile(t *testing.T) *Profile {
	t.Helper()
	p, err := NewProfile(filepath.Join(t.TempDir(), "device"), "phone")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a device remembers of a channel is a set of sequences, whatever their
// order, as long as the holes fit the bound.
func TestHeldIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h held
		have := map[int64]bool{}
		for _, n := range rapid.SliceOfN(rapid.Int64Range(1, 2*mpp.MaxRanges), 0, 64).Draw(t, "sequences") {
			h.add(n, 1)
			have[n] = true
		}
		for n := int64(1); n <= 2*mpp.MaxRanges+1; n++ {
			if h.has(n) != have[n] {
				t.Fatalf("has(%d) = %v, want %v: %+v", n, h.has(n), have[n], h)
			}
		}
	})
}

// "Only the Oldest in an event's signed body, or receiving all below, moves the
// floor" (federation.md, Delivery).
func TestFloorMovesOnlyWithCause(t *testing.T) {
	var h held
	h.add(5, 1)
	if h.Floor != 0 {
		t.Fatalf("floor %d after a hole", h.Floor)
	}
	h.add(7, 4)
	if h.Floor != 3 || len(h.Ranges) != 2 {
		t.Fatalf("floor %d and ranges %v, want 3, for Oldest is 4, and two", h.Floor, h.Ranges)
	}
	h.add(6, 4)
	h.add(4, 4)
	if h.Floor != 7 || len(h.Ranges) != 0 {
		t.Fatalf("floor %d and ranges %v, want 7 and none", h.Floor, h.Ranges)
	}
}

// Past the bound the lowest range is forgotten, at worst delivered again.
func TestHolesAreBounded(t *testing.T) {
	var h held
	for n := int64(2); n <= 3*maxRanges; n += 2 {
		h.add(n, 1)
	}
	if len(h.Ranges) != maxRanges {
		t.Fatalf("%d ranges, want %d", len(h.Ranges), maxRanges)
	}
	s := state{Streams: []held{h}}
	if told := s.since()[0].Ranges; len(told) != mpp.MaxRanges {
		t.Fatalf("%d ranges are told, want the %d that a message holds", len(told), mpp.MaxRanges)
	}
}

// Labels that are used once and never again leave room for those that come after
// them, in what is held and in what is covered.
func TestOldLabelsMakeRoom(t *testing.T) {
	var s state
	const labels = maxStatuses + 10
	tag := func(n int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 8), uint64(n)) }
	for n := range labels {
		s.receivedStatus(key.Hash{1}, tag(n), int64(n+1))
		s.receivedStatus(key.Hash{1}, tag(0), 1) // one that is posted all the time
		s.coverStatus([record.TagSize]byte(tag(n)), wall.Time(n)*wall.Time(holeLife/time.Second))
	}
	if len(s.Statuses) != maxStatuses || len(s.Covers) > maxStatuses {
		t.Errorf("%d statuses and %d covers are kept", len(s.Statuses), len(s.Covers))
	}
	for _, n := range []int{0, labels - 1} {
		if !slices.ContainsFunc(s.Statuses, func(st heldStatus) bool { return bytes.Equal(st.Tag, tag(n)) }) {
			t.Errorf("label %d is forgotten", n)
		}
	}
	last := [record.TagSize]byte(tag(labels - 1))
	if s.coverStatus(last, 1) <= 1 {
		t.Error("the last label is not covered")
	}
}

// "Processes on one profile share it: serials and sequences are reserved and
// synced before use" (mpp.md).
func TestTwoProcessesNeverShareASerial(t *testing.T) {
	p := testProfile(t)
	other, err := OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{}
	for range 3 * serialBlock {
		for _, one := range []*Profile{p, other} {
			n, err := one.takeSerial()
			if err != nil {
				t.Fatal(err)
			}
			if seen[n] {
				t.Fatalf("serial %d twice", n)
			}
			seen[n] = true
		}
	}
	again, err := OpenProfile(p.Dir()) // as after a crash
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := again.takeSerial(); seen[n] {
		t.Fatalf("serial %d again after a restart", n)
	}
}

// Sequences are 1, 2, 3 ... and Oldest is the lowest one unexpired.
func TestSequencesAndOldest(t *testing.T) {
	p := testProfile(t)
	s, err := p.readState()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ now, expires, oldest int64 }{{100, 200, 1}, {100, 150, 1}, {160, 300, 1}, {210, 300, 3}} {
		sequence, oldest := s.post("main", wall.Time(c.now), wall.Time(c.expires))
		if sequence != int64(i+1) || oldest != c.oldest {
			t.Errorf("post %d: sequence %d, oldest %d, want %d and %d", i, sequence, oldest, i+1, c.oldest)
		}
	}
}

// Two tools at once that make an account on a profile make the same one: the key
// of another would be lost with the account.
func TestTwoProcessesMakeOneAccountKey(t *testing.T) {
	p := testProfile(t)
	keys := make(chan *key.Account)
	for range 2 {
		other, err := OpenProfile(p.Dir())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			account, err := other.accountKey(nil)
			if err != nil {
				t.Error(err)
			}
			keys <- account
		}()
	}
	one, two := <-keys, <-keys
	if t.Failed() {
		return
	}
	if one.Author() != two.Author() {
		t.Error("two account keys were made, and one was kept")
	}
	now := wall.Clock(nil).Now()
	first, err := p.founding(one, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.founding(two, now)
	if err != nil || len(again) != len(first) || again[0].Hash() != first[0].Hash() || again[1].Hash() != first[1].Hash() {
		t.Errorf("two processes sign other first facts: %v", err)
	}
}

// Two tools at once on a profile that is not there yet are one device: keys of
// both would be none, and what the one joined the other does not forget.
func TestTwoProcessesMakeOneDevice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "device")
	made := make(chan *Profile)
	for range 2 {
		go func() {
			p, err := NewProfile(dir, "phone")
			if err != nil && !errors.Is(err, ErrProfileUsed) {
				t.Error(err)
			}
			made <- p
		}()
	}
	one, other := <-made, <-made
	p, err := OpenProfile(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range []*Profile{one, other} {
		if made != nil && made.Fingerprint() != p.Fingerprint() {
			t.Error("the directory holds another device's keys")
		}
	}
	joined, err := OpenProfile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := joined.belong(key.Hash{1}); err != nil {
		t.Fatal(err)
	}
	if err := p.pin(true, "mpp://192.0.2.1:6770/MAAA"); err != nil {
		t.Fatal(err)
	}
	if p, err = OpenProfile(dir); err != nil || p.Account() != joined.Account() || len(p.Nodes()) != 1 {
		t.Errorf("account %q, nodes %q, %v", p.Account(), p.Nodes(), err)
	}
}

func TestProfileIsRefusedTwice(t *testing.T) {
	p := testProfile(t)
	if _, err := NewProfile(p.Dir(), "again"); !errors.Is(err, ErrProfileUsed) {
		t.Errorf("a second device in one directory: %v, want ErrProfileUsed", err)
	}
	if _, err := OpenProfile(t.TempDir()); !errors.Is(err, ErrNoProfile) {
		t.Errorf("an empty directory: %v, want ErrNoProfile", err)
	}
}

// "Key files wider than 0600 are refused" (federation.md, Defaults).
func TestWideKeyFileIsRefused(t *testing.T) {
	p := testProfile(t)
	if err := os.Chmod(p.path("device.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenProfile(p.Dir()); !errors.Is(err, key.ErrMode) {
		t.Errorf("a key file that others can read: %v, want ErrMode", err)
	}
}

// A fingerprint that was typed is the person's word and tried before the pin; an
// address without one, and without a pin, wants a decision.
func TestPins(t *testing.T) {
	p := testProfile(t)
	const pin = "mpp://192.0.2.1:6770/MBRH-UUQI-L74N-JLVK-2JRA-J6UX-2QFI"
	if err := p.pin(true, pin); err != nil {
		t.Fatal(err)
	}
	const anew = "mpp://192.0.2.1:6770/MDAJ-R6TM-IKUX-TQUK-LRCN-PCX2-3LDQ"
	for _, c := range []struct {
		node string
		want []string
	}{
		{pin, []string{pin}}, {"mpp://192.0.2.1:6770", []string{pin}}, {anew, []string{anew, pin}},
	} {
		list, err := newClient(p, Config{Node: c.node, Heartbeat: time.Second}).candidates()
		if err != nil {
			t.Errorf("%s: %v", c.node, err)
		}
		var got []string
		for _, a := range list {
			got = append(got, a.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: candidates %v, want %v", c.node, got, c.want)
		}
	}
	if err := p.pin(true, anew); err != nil {
		t.Fatal(err)
	}
	if got := p.Nodes(); !slices.Equal(got, []string{anew}) {
		t.Errorf("pins %v, want %v: it was proved there", got, anew)
	}
	if _, err := newClient(p, Config{Node: "mpp://192.0.2.2:6770"}).candidates(); err == nil {
		t.Error("an address without fingerprint or pin was taken")
	}
	if _, err := newClient(testProfile(t), Config{}).candidates(); !errors.Is(err, ErrNoNode) {
		t.Errorf("no node known: %v, want ErrNoNode", err)
	}
}
