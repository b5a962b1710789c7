package client

import (
	"context"
	"errors"
	"fmt"

	"meshpresence/discovery"
)

// ErrSeveralNodes: more than one node was found, and none is to be preferred.
var ErrSeveralNodes = errors.New("several nodes were found: give one with --node mpp://host:port/FINGERPRINT")

// find asks Config.Find for a node when none is given and none is pinned. Whoever
// is found may be anyone's, so a person or TrustFirst decides, as about a key
// found at an address; what was decided holds for this client.
func (c *Client) find(ctx context.Context) ([]discovery.Address, error) {
	if c.cfg.Find == nil {
		return nil, ErrNoNode
	}
	candidates, err := c.cfg.Find.Resolve(ctx, "")
	if len(candidates) == 0 {
		return nil, errors.Join(ErrNoNode, err)
	}
	var list []discovery.Address
	for _, f := range candidates {
		if f.Fingerprint == "" || f.Fingerprint != candidates[0].Fingerprint {
			return nil, ErrSeveralNodes
		}
		list = append(list, discovery.Address{Host: f.Addr.Addr().String(), Port: f.Addr.Port(), Fingerprint: f.Fingerprint})
	}
	if !c.cfg.TrustFirst && (c.cfg.Confirm == nil || !c.cfg.Confirm(list[0].Fingerprint)) {
		return nil, fmt.Errorf("using %s: %w", list[0], errNotTrusted)
	}
	c.mu.Lock()
	c.found = list
	c.mu.Unlock()
	return list, nil
}

// foundBefore are the addresses that find returned last.
func (c *Client) foundBefore() []discovery.Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// nothingToTry reports whether no address is known and none can be found.
func (c *Client) nothingToTry(err error) bool {
	return err != nil && (c.cfg.Find == nil || !errors.Is(err, ErrNoNode))
}
