package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// ErrWaits: the account has no epoch that every device may have, so the post
// waits on this device until there is one (facts.md, Sealing).
var ErrWaits = errors.New("the post waits on this device: the account has no key to seal to that every device may have; repair it with the account key (presence account repair), or post in clear")

const (
	waitingDir = "waiting"
	// maxWaiting bounds the posts that wait to be sealed: an application that
	// posts on for days does not fill the disk.
	maxWaiting = 64
)

// waitingPost is a post that could not be sealed, as it lies on disk: in clear,
// beside the device's keys.
type waitingPost struct {
	Schema  string    `json:"schema"`
	Channel string    `json:"channel"`
	Label   string    `json:"label"`
	Data    []byte    `json:"data"`
	Expires wall.Time `json:"expires"`
	path    string
}

const waitingSchema = "presence.waiting/1"

// keepWaiting keeps a post until it can be sealed, unless it is kept already. The
// caller holds the profile's file lock.
func (p *Profile) keepWaiting(post Post, now, expires wall.Time) error {
	if post.waits != "" {
		return ErrWaits
	}
	dir := filepath.Join(p.dir, waitingDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keeping a post: %w", err)
	}
	list := p.waiting(now)
	if len(list) >= maxWaiting {
		return fmt.Errorf("keeping a post: %d wait already: %w", len(list), ErrWaits)
	}
	b, err := json.Marshal(waitingPost{Schema: waitingSchema, Channel: post.Channel, Label: post.Label, Data: post.Data, Expires: expires})
	if err != nil {
		return err
	}
	last := int64(0)
	if len(list) > 0 {
		fmt.Sscanf(filepath.Base(list[len(list)-1].path), "%d", &last)
	}
	if err := writeFile(filepath.Join(dir, fmt.Sprintf("%012d", last+1)), b); err != nil {
		return err
	}
	return ErrWaits
}

// waiting lists the posts that wait, oldest first, and drops those that are over.
func (p *Profile) waiting(now wall.Time) (list []waitingPost) {
	keptIn(filepath.Join(p.dir, waitingDir), func(path string, b []byte) bool {
		w := waitingPost{path: path}
		if json.Unmarshal(b, &w) != nil || w.Schema != waitingSchema || w.Expires <= now {
			return false
		}
		list = append(list, w)
		return true
	})
	slices.SortFunc(list, func(x, y waitingPost) int { return strings.Compare(x.path, y.path) })
	return list
}

// post is what Publish was given, to live no longer than it would have.
func (w waitingPost) post(now wall.Time) Post {
	return Post{Channel: w.Channel, Label: w.Label, Data: w.Data, Life: time.Duration(w.Expires-now) * time.Second, waits: w.path}
}

// postWaiting delivers what waited, if it can be sealed now. What no node takes
// stays in the outbox, or waits on.
func (c *Client) postWaiting(ctx context.Context) {
	facts, err := c.sealWaiting()
	for _, f := range facts {
		if err == nil {
			_, _, err = c.deliver(ctx, f)
		}
	}
	if err != nil {
		c.cfg.Log.Info("posting what waited", "err", err)
	}
}

// sealWaiting seals what waits into the outbox, oldest first, if the account can
// seal again.
func (c *Client) sealWaiting() (sealed []*record.Fact, err error) {
	if !c.profile.canSeal() {
		return nil, nil
	}
	now := c.wall.Now()
	for _, w := range c.profile.waiting(now) {
		f, err := c.sign(w.post(now), nil, covering)
		switch {
		case errors.Is(err, fs.ErrNotExist): // another process was first
		case err != nil:
			return sealed, err
		default:
			sealed = append(sealed, f)
		}
	}
	return sealed, nil
}

// stillWaits reports whether a post that waited was not sealed by another process
// meanwhile. The caller holds the profile's file lock.
func (post Post) stillWaits() error {
	if post.waits == "" {
		return nil
	}
	_, err := os.Stat(post.waits)
	return err
}

// sealed forgets a post that waited, once the outbox has it: a crash between the
// two posts it twice, and never loses it.
func (post Post) sealed() error {
	if post.waits == "" {
		return nil
	}
	return os.Remove(post.waits)
}
