package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxAnswer bounds what is read of a daemon's answer: whatever listens at
	// the path cannot fill the tool's memory.
	maxAnswer = 4 << 20
	// dialWithin is how long a socket may take to accept.
	dialWithin = 5 * time.Second
)

// Client asks one daemon. Its methods are safe for concurrent use.
type Client struct {
	path string
	http *http.Client
}

// Dial finds the daemon that serves the socket at path. Without one the error is
// ErrNoDaemon.
func Dial(path string) (*Client, error) {
	c := &Client{path: path}
	dialer := net.Dialer{Timeout: dialWithin}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true, // a socket held open counts against the daemon's limit
	}}
	conn, err := dialer.Dial("unix", path)
	if err != nil {
		return nil, c.wrap(err)
	}
	return c, conn.Close()
}

// wrap says what a failed dial means.
func (c *Client) wrap(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // its address is made up
	}
	switch {
	case refused(err):
		return fmt.Errorf("asking the daemon at %s: %w", c.path, ErrNoDaemon)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("asking the daemon at %s: it belongs to another user: %w", c.path, err)
	}
	return fmt.Errorf("asking the daemon at %s: %w", c.path, err)
}

// Path is the socket's.
func (c *Client) Path() string { return c.path }

// Invite asks for a code that lets one account in.
func (c *Client) Invite(ctx context.Context) (Invite, error) {
	return ask[Invite](ctx, c, http.MethodPost, pathInvite)
}

// Overview asks what the node is and whom it knows.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	return ask[Overview](ctx, c, http.MethodGet, pathOverview)
}

// Health is nil when the node serves; a node that says why it does not is a
// *Refusal.
func (c *Client) Health(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, pathHealth)
	return err
}

// Metrics are the node's numbers, in the text form of Prometheus.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	b, err := c.do(ctx, http.MethodGet, pathMetrics)
	return string(b), err
}

func ask[T any](ctx context.Context, c *Client, method, path string) (answer T, err error) {
	b, err := c.do(ctx, method, path)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return answer, fmt.Errorf("reading the answer of the daemon at %s: %w", c.path, err)
	}
	return answer, nil
}

func (c *Client) do(ctx context.Context, method, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://presenced"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("asking the daemon: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.wrap(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.wrap(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &Refusal{Status: resp.StatusCode, Text: reason(b)}
	}
	return b, nil
}

// reason is the sentence of an answer that is no success.
func reason(b []byte) string {
	var answer failure
	if json.Unmarshal(b, &answer) == nil && answer.Reason != nil {
		return *answer.Reason
	}
	return string(bytes.TrimSpace(b[:min(len(b), 200)]))
}
