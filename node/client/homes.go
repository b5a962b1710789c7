package client

import (
	"context"
	"time"
)

// Home is a node that the account's home fact names.
type Home struct {
	Node      string   // the hash of its key
	Addresses []string // for devices, with the fingerprint
	// Keeps says that the node itself says so, until Expires.
	Keeps   bool
	Expires time.Time
}

// HomeNodes are the nodes that the account's home fact names.
func (p *Profile) HomeNodes() []Home { return nil }

// AddHome makes a node one of those that keep the account.
func (c *Client) AddHome(ctx context.Context, node, code string, passphrase []byte) error {
	return errNotYet
}

// RemoveHome ends a node's part in keeping the account.
func (c *Client) RemoveHome(ctx context.Context, node string, passphrase []byte) error {
	return errNotYet
}
