package client

import (
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/udf"
)

// knownNode is a node whose static key this device has seen proved, beside the
// name that the node goes by in facts. With the key, and not only its fingerprint,
// a connection takes one round trip (rud.md, Immediate).
type knownNode struct {
	Agreement key.Agreement `json:"agreement"`
	Node      key.Hash      `json:"node"`
}

// known finds the node with that fingerprint: one that was met, or one that the
// account's key names a home.
func (p *Profile) known(fingerprint string) (knownNode, bool) {
	expect, err := udf.ParseExpect(fingerprint)
	if err != nil {
		return knownNode{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.meta.Known {
		if k.Agreement.Curve() == key.X25519 && k.Agreement.Expects(expect) {
			return k, true
		}
	}
	for _, h := range p.homeNodes() {
		if h.Agreement.Curve() == key.X25519 && h.Agreement.Expects(expect) {
			return knownNode{h.Agreement, h.Key.Hash()}, true
		}
	}
	return knownNode{}, false
}

// isStale reports whether that key was dialled in vain just before. A node of an
// earlier release answers First Contact only, and who has another key now shows it
// only then.
func (c *Client) isStale(k knownNode) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stale[k]
}

// setStale notes how a dial to a key that was known ended: one in vain is followed
// by one that is not Immediate, and that by one that is.
func (c *Client) setStale(k knownNode, vain bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.Agreement == "" || !vain || c.stale[k] {
		delete(c.stale, k)
		return
	}
	if c.stale == nil {
		c.stale = make(map[knownNode]bool)
	}
	c.stale[k] = true
}

// unknow forgets a node's key.
func (p *Profile) unknow(k knownNode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.meta.Known)
	p.meta.Known = slices.DeleteFunc(slices.Clone(p.meta.Known), func(o knownNode) bool { return o == k })
	if len(p.meta.Known) == n {
		return nil
	}
	return p.saveMeta()
}

// know remembers a node's key, before those known longer. The fingerprint that is
// pinned still decides whose key is wanted.
func (p *Profile) know(k knownNode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.meta.Known) > 0 && p.meta.Known[0] == k {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(p.meta.Known), func(o knownNode) bool {
		return o.Agreement == k.Agreement || o.Node == k.Node
	})
	list := append([]knownNode{k}, rest...)
	p.meta.Known = list[:min(len(list), maxPins)]
	return p.saveMeta()
}
