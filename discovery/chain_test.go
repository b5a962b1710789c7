package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// source answers after a delay, or when it is told to end.
type source struct {
	after time.Duration
	found []Candidate
	err   error
	asked int
}

func (s *source) Resolve(ctx context.Context, _ string) ([]Candidate, error) {
	s.asked++
	select {
	case <-time.After(s.after):
		return slices.Clone(s.found), s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// candidates makes n of them, of the given source.
func candidates(name string, n int) []Candidate {
	var list []Candidate
	for i := range n {
		ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		list = append(list, Candidate{Addr: netip.AddrPortFrom(ip, DefaultPort), Source: name})
	}
	return list
}

var errSource = errors.New("asking a source")

func TestChainAsksInOrder(t *testing.T) {
	for _, test := range []struct {
		name    string
		sources []*source
		want    string // the source that answers
		asked   []int
		took    time.Duration
	}{
		{"none", nil, "", nil, 0},
		{"the first", []*source{{found: candidates("a", 2)}, {found: candidates("b", 1)}}, "a", []int{1, 0}, 0},
		{"the first knows none", []*source{{}, {found: candidates("b", 1)}}, "b", []int{1, 1}, 0},
		{"the first fails", []*source{{err: errSource}, {found: candidates("b", 1)}}, "b", []int{1, 1}, 0},
		{"fails in part", []*source{{err: errSource, found: candidates("a", 1)}, {}}, "a", []int{1, 0}, 0},
		{"all fail", []*source{{err: errSource}, {err: errSource}}, "", []int{1, 1}, 0},
		{"a slow one has its share", []*source{{after: time.Hour}, {found: candidates("b", 1)}}, "b", []int{1, 1}, 3 * time.Second},
		{"quick ones leave theirs", []*source{{}, {after: 5 * time.Second, found: candidates("b", 1)}}, "b", []int{1, 1}, 5 * time.Second},
		{"all are slow", []*source{{after: time.Hour}, {after: time.Hour}}, "", []int{1, 1}, 6 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &Chain{Deadline: 6 * time.Second}
				for _, s := range test.sources {
					c.Sources = append(c.Sources, s)
				}
				began := time.Now()
				found, err := c.Resolve(t.Context(), fp)
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if test.want == "" && (!errors.Is(err, ErrNone) || found != nil) {
					t.Errorf("found %v, %v", found, err)
				}
				if test.want != "" && (err != nil || len(found) == 0 || found[0].Source != test.want) {
					t.Errorf("found %v, %v, want %s's", found, err, test.want)
				}
				for i, s := range test.sources {
					if s.asked != test.asked[i] {
						t.Errorf("source %d was asked %d times, want %d", i, s.asked, test.asked[i])
					}
					if test.want == "" && s.err != nil && !errors.Is(err, s.err) {
						t.Errorf("error %v hides %v", err, s.err)
					}
				}
			})
		})
	}
}

func TestChainEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &source{}
		c := &Chain{Sources: []Resolver{&source{after: time.Hour}, second}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Resolve(ctx, "")
		if !errors.Is(err, ErrNone) || !errors.Is(err, context.DeadlineExceeded) || second.asked != 0 {
			t.Errorf("%v, the second source was asked %d times", err, second.asked)
		}
	})
}

func TestChainRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{found: candidates("a", 1)}
		c := &Chain{Sources: []Resolver{s}}
		ask := func(want int, when string) {
			t.Helper()
			found, err := c.Resolve(t.Context(), fp)
			if err != nil || len(found) != 1 || found[0].Source != "a" || s.asked != want {
				t.Errorf("%s: %v, %v, asked %d times, want %d", when, found, err, s.asked, want)
			}
			found[0].Source = "the caller's own"
		}
		ask(1, "at first")
		ask(1, "at once again")
		<-time.After(DefaultLife - 1)
		ask(1, "just before the end of its life")
		<-time.After(1)
		ask(2, "at the end of its life")
		c.Forget("another")
		ask(2, "with another forgotten")
		c.Forget(fp)
		ask(3, "forgotten")
		s.found = nil
		c.Forget(fp)
		for range 2 {
			if _, err := c.Resolve(t.Context(), fp); !errors.Is(err, ErrNone) {
				t.Error(err)
			}
		}
		if s.asked != 5 {
			t.Errorf("that there is none was remembered")
		}
		c.Life, s.found = -1, candidates("a", 1)
		ask(6, "without memory")
		ask(7, "without memory again")
	})
}

func TestChainIsBounded(t *testing.T) {
	c := &Chain{Sources: []Resolver{&source{found: candidates("a", 3*maxCandidates)}}}
	for i := range 3 * maxCached {
		found, err := c.Resolve(t.Context(), fmt.Sprint(i))
		if err != nil || len(found) != maxCandidates {
			t.Fatalf("%d candidates, %v", len(found), err)
		}
	}
	if len(c.cache) > maxCached {
		t.Errorf("the cache holds %d answers", len(c.cache))
	}
}
