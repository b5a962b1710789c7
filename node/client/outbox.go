package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
)

const (
	outboxDir = "outbox"
	// maxOutbox bounds the posts kept for putting back: the newest this many
	// bytes (federation.md, Acknowledged).
	maxOutbox = 1 << 20
	// wantAtOnce is how many hashes are offered in one request.
	wantAtOnce = 64
)

// The outbox keeps our posts until two homes confirmed them or they expired: a
// file each, named by the fact's hash, written before the post leaves.

func (p *Profile) outboxPath(hash key.Hash) string {
	return filepath.Join(p.dir, outboxDir, hash.String())
}

// putOutbox keeps a post on disk, and drops the oldest past the bound.
func (p *Profile) putOutbox(f *record.Fact) error {
	switch err := os.Mkdir(filepath.Join(p.dir, outboxDir), 0o700); {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return fmt.Errorf("keeping a post: %w", err)
	default:
		if err := syncDir(p.dir); err != nil {
			return fmt.Errorf("keeping a post: %w", err)
		}
	}
	return writeFile(p.outboxPath(f.Hash()), f.Append(nil))
}

// dropOutbox forgets a post that two homes have.
func (p *Profile) dropOutbox(hash key.Hash) error {
	err := os.Remove(p.outboxPath(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// outbox reads the posts kept, oldest first, and drops those that expired or
// are past the bound.
func (p *Profile) outbox(c *Client) []*record.Fact {
	var facts []*record.Fact
	keptIn(filepath.Join(p.dir, outboxDir), func(_ string, b []byte) bool {
		f, err := record.Parse(b)
		if err != nil || f.Expired(c.wall.Now()) {
			return false
		}
		facts = append(facts, f)
		return true
	})
	slices.SortFunc(facts, func(x, y *record.Fact) int { return cmp.Compare(x.Serial, y.Serial) })
	total := 0
	for i, f := range slices.Backward(facts) {
		if total += len(f.Raw); total > maxOutbox {
			for _, old := range facts[:i+1] {
				p.dropOutbox(old.Hash())
			}
			return facts[i+1:]
		}
	}
	return facts
}

// keptIn gives the files of a directory in which a post is a file, and drops those
// that keep says no to.
func keptIn(dir string, keep func(path string, b []byte) bool) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.Contains(e.Name(), ".") { // one being written
			dropStale(path, e)
			continue
		}
		if b, err := os.ReadFile(path); err == nil && !keep(path, b) {
			os.Remove(path)
		}
	}
}

// staleAfter is the age at which a file that was never given its name is what a
// crash left behind.
const staleAfter = time.Hour

func dropStale(path string, e fs.DirEntry) {
	if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
		os.Remove(path)
	}
}

// settleOutbox offers the posts kept, at every connect and hourly (federation.md,
// Acknowledged), once the node knows whose connection this is.
func (c *Client) settleOutbox(ctx context.Context, l *link) error {
	l.offered = c.wall.Now()
	if _, err := c.sealWaiting(); err != nil {
		return err
	}
	if c.profile.Account() == "" || len(c.profile.outbox(c)) == 0 {
		return nil
	}
	if _, err := c.wantOwn(ctx, l); err != nil {
		return err
	}
	return c.offerOutbox(ctx, l)
}

// offerOutbox asks the node about every post kept: one it says two homes have is
// forgotten, one it does not speak of is put back.
func (c *Client) offerOutbox(ctx context.Context, l *link) error {
	facts := c.profile.outbox(c)
	for len(facts) > 0 {
		var page []*record.Fact
		page, facts = split(facts, wantAtOnce)
		m := new(mpp.FactRequest)
		for _, f := range page {
			h := f.Hash()
			m.Want = append(m.Want, mpp.Want{Hash: h[:]})
		}
		answer, err := request[*mpp.FactResponse](ctx, c, l, m)
		if err != nil {
			return err
		}
		for _, f := range page {
			if err := c.settle(ctx, l, f, answer.Results); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle does with one post as the node's results say.
func (c *Client) settle(ctx context.Context, l *link, f *record.Fact, results []mpp.Result) error {
	h := f.Hash()
	for _, r := range results {
		if string(r.Hash) == string(h[:]) {
			return c.confirmed(f, r)
		}
	}
	// In a fact request: it may be sealed to an epoch that has ended since.
	answer, err := c.bring(ctx, l, []*record.Fact{f}, nil)
	if err != nil || len(answer.Results) == 0 {
		return err
	}
	return c.confirmed(f, answer.Results[0])
}

// confirmed forgets a post that two homes have, or that another of this device's
// or a revocation replaced. Any other no is one node's, whose clock may be wrong:
// the post stays until it expires by ours.
func (c *Client) confirmed(f *record.Fact, r mpp.Result) error {
	switch code := r.Code.Code(); {
	case r.Copies.Or(0) >= 2, code == mpp.CodeSerial, code == mpp.CodeRevoked:
		return c.profile.dropOutbox(f.Hash())
	}
	return nil
}
