package store

import (
	"errors"
	"sync"
	"testing"

	"meshpresence/internal/wall"
)

// "the redeemer stores the id with Sync before answering": once, also after the
// store was closed and opened again, until the ticket expires.
func TestRedeemOnce(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	short, long := [16]byte{1}, [16]byte{2}
	for _, id := range [][16]byte{short, long} {
		expires := 1000 + 1000*int64(id[0])
		if err := s.Redeem(id, wall.Time(expires)); err != nil {
			t.Fatal(err)
		}
		if err := s.Redeem(id, wall.Time(expires)); !errors.Is(err, ErrRedeemed) {
			t.Errorf("the second time: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	if err := s.Redeem(short, 2000); !errors.Is(err, ErrRedeemed) {
		t.Errorf("after a restart: %v", err)
	}
	if left, err := s.ForgetRedeemed(1999); left != 2 || err != nil {
		t.Errorf("before any expired %d are left, %v", left, err)
	}
	if left, err := s.ForgetRedeemed(2000); left != 1 || err != nil {
		t.Errorf("after one expired %d are left, %v", left, err)
	}
	if err := s.Redeem(long, 3000); !errors.Is(err, ErrRedeemed) {
		t.Errorf("the one that did not expire: %v", err)
	}
	if got := contents(t, s); len(got) != 0 {
		t.Errorf("%d facts", len(got))
	}
}

// Of many who redeem one ticket at once, one does.
func TestRedeemAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	var all sync.WaitGroup
	won := make(chan bool, 8)
	for range cap(won) {
		all.Go(func() { won <- s.Redeem([16]byte{7}, 5000) == nil })
	}
	all.Wait()
	close(won)
	count := 0
	for w := range won {
		if w {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d redeemed it", count)
	}
}
