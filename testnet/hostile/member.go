package hostile

import (
	"context"
	"fmt"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/federation"
)

// Member is a node of a realm without a node behind it: it speaks libp2p,
// gossipsub and the stream protocols as the product does, and says whatever its
// Mouth is told to. It listens on nothing, so that only those it dials know it.
type Member struct {
	*Mouth
	Fed *federation.Federation
}

// NewMember joins the realm whose key is given and connects to peers, multiaddrs
// that end in /p2p/ and an id. Without the realm's key the member is none: it
// has nothing to show.
func NewMember(ctx context.Context, realm key.Hash, admit *key.Realm, peers ...string) (*Member, error) {
	identity, err := key.NewNode()
	if err != nil {
		return nil, err
	}
	m := &Member{Mouth: newMouth()}
	node, err := nodeFact(identity, realm)
	if err != nil {
		return nil, err
	}
	if admit != nil {
		fact, err := record.Sign(admit, admit.Author().Hash(), record.Base{Serial: 1, Time: today()}, &record.Member{Node: identity.Author().Hash()})
		if err != nil {
			return nil, err
		}
		m.show = append(m.show, fact)
	}
	m.show = append(m.show, node) // what admits it goes first
	for _, f := range m.show {
		m.put(f)
	}
	m.Fed, err = federation.New(federation.Config{
		Identity: identity, Realm: realm, Peers: peers, Announce: []string{},
		Door: m.Mouth, SyncEvery: time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("making a hostile member: %w", err)
	}
	if err := m.Fed.Start(ctx); err != nil {
		m.Fed.Close()
		return nil, fmt.Errorf("starting a hostile member: %w", err)
	}
	return m, nil
}

// nodeFact is a node's card without an address.
func nodeFact(identity *key.Node, realm key.Hash) (*record.Fact, error) {
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		return nil, err
	}
	base := record.Base{Serial: 1, Time: today(), Expires: today().Add(record.Life(record.KindNode))}
	return record.Sign(identity, realm, base, &record.Node{Agreements: []key.Agreement{static.Public()}})
}

// Forward asks a node to keep facts and returns the codes by the facts' order;
// a node that takes offence gives an error instead.
func (m *Member) Forward(ctx context.Context, to key.Hash, facts ...*record.Fact) ([]federation.Result, error) {
	return m.Fed.Forward(ctx, to, facts)
}
