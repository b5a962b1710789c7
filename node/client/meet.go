package client

import (
	"context"
	"fmt"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
	"meshpresence/transport/rud/handshake"
)

// cardAge is how old a node's card may be where nothing confirms that it is the
// newest: a node signs it again daily.
const cardAge = wall.Time(24 * 60 * 60)

// meet learns the node's card, and so its name in facts: from the profile when
// that holds the very card whose hash stood in the Challenge, or the name that goes
// with the key when there was no Challenge; else from the node itself. Another
// node's fact that claims this RUD key is neither.
func (c *Client) meet(ctx context.Context, l *link) error {
	if f := c.knownCard(l); f != nil {
		l.node = f.Author.Hash()
		return c.knowNode(l)
	}
	answer, err := request[*mpp.FactResponse](ctx, c, l, &mpp.FactRequest{Want: []mpp.Want{{Kind: string(record.KindNode), All: true}}})
	if err != nil {
		return err
	}
	for _, f := range parseFacts(answer.Facts) {
		if isCard(f, l) {
			l.node = f.Author.Hash()
			if err := c.profile.meet(f); err != nil {
				return err
			}
			return c.knowNode(l)
		}
	}
	if err := c.profile.unknow(l.known); err != nil { // it may go by another name now
		return err
	}
	return fmt.Errorf("meeting %s: it did not show its card", l.address)
}

func (c *Client) knowNode(l *link) error {
	return c.profile.know(knownNode{l.conn.Peer(), l.node})
}

// knownCard is the card in the profile that the node confirmed, or nil.
func (c *Client) knownCard(l *link) *record.Fact {
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	now, book := c.wall.Now(), c.profile.book
	if shown := key.Hash(l.conn.Card()); shown != (key.Hash{}) {
		for _, f := range book.facts {
			if f.Hash() == shown && isCard(f, l) && !f.Expired(now) {
				return f
			}
		}
		return nil
	}
	f := book.facts[registry.NodeKey(l.known.Node)]
	if f == nil || !isCard(f, l) || f.Expired(now) || f.Time+cardAge < now {
		return nil
	}
	return f
}

// isCard reports whether a fact is a node's about itself that names the RUD key
// of this link; without a Challenge, it is the node's that was known.
func isCard(f *record.Fact, l *link) bool {
	card, ok := f.Body.(*record.Node)
	mode := l.conn.Mode()
	named := f.Author.Hash() == l.known.Node || mode == handshake.FirstContact || mode == handshake.Deferred
	return ok && named && slices.Contains(card.Agreements, l.conn.Peer())
}
