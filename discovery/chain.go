package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Defaults of a Chain.
const (
	// DefaultDeadline is how long all sources together may take; mDNS alone
	// wants 3 s (federation.md, Defaults).
	DefaultDeadline = 5 * time.Second
	// DefaultLife is how long an answer is remembered: long enough for a
	// dialler's retries, short enough for a node that moves.
	DefaultLife = 30 * time.Second
)

// maxCached bounds the answers that a chain remembers, and maxCandidates those
// of one source that it takes: on an open network anyone can announce names.
const (
	maxCached     = 64
	maxCandidates = 64
)

// Chain asks its sources in order; the first that knows a candidate answers. It
// is a Resolver itself. Its fields must not change once it is used.
type Chain struct {
	Sources  []Resolver
	Deadline time.Duration // for all sources together; 0 = DefaultDeadline
	Life     time.Duration // of a remembered answer; 0 = DefaultLife, negative = not remembered

	mu    sync.Mutex
	cache map[string]answer // by fingerprint asked for
}

// answer is what a source said, until it is too old.
type answer struct {
	candidates []Candidate
	until      time.Time
}

// Resolve implements Resolver. A source that answers late uses up only its
// share of the deadline: what is left divided by the sources left. When none
// knows a candidate the error is ErrNone, with what the sources said went wrong.
func (c *Chain) Resolve(ctx context.Context, fingerprint string) ([]Candidate, error) {
	if found := c.cached(time.Now(), fingerprint); found != nil {
		return found, nil
	}
	deadline := time.Now().Add(positive(c.Deadline, DefaultDeadline))
	var failed []error
	for i, source := range c.Sources {
		left := time.Until(deadline)
		if left <= 0 || ctx.Err() != nil {
			break
		}
		found, err := ask(ctx, left/time.Duration(len(c.Sources)-i), source, fingerprint)
		if err != nil {
			failed = append(failed, err)
		}
		if len(found) > 0 {
			c.remember(time.Now(), fingerprint, found)
			return found, nil
		}
	}
	if err := ctx.Err(); err != nil {
		failed = append(failed, err)
	}
	return nil, none(failed)
}

// ask gives one source its share of the time and takes a bounded answer.
func ask(ctx context.Context, share time.Duration, r Resolver, fingerprint string) ([]Candidate, error) {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	found, err := r.Resolve(ctx, fingerprint)
	return found[:min(len(found), maxCandidates)], err
}

// none is ErrNone, and why.
func none(failed []error) error {
	if len(failed) == 0 {
		return ErrNone
	}
	return fmt.Errorf("%w: %w", ErrNone, errors.Join(failed...))
}

// Forget drops the remembered answer for a fingerprint, for a caller whom none
// of its candidates answered.
func (c *Chain) Forget(fingerprint string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.cache, fingerprint)
}

// cached is a copy of the remembered answer, nil when there is none.
func (c *Chain) cached(now time.Time, fingerprint string) []Candidate {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.cache[fingerprint]
	if !ok {
		return nil
	}
	if !now.Before(a.until) {
		delete(c.cache, fingerprint)
		return nil
	}
	return slices.Clone(a.candidates)
}

// remember keeps an answer; the cache is emptied when it is full.
func (c *Chain) remember(now time.Time, fingerprint string, found []Candidate) {
	if c.Life < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cache == nil || len(c.cache) == maxCached {
		c.cache = make(map[string]answer)
	}
	c.cache[fingerprint] = answer{
		candidates: slices.Clone(found),
		until:      now.Add(positive(c.Life, DefaultLife)),
	}
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
