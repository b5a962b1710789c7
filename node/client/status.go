package client

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// Standing is what a node says of this device, and what the device knows.
type Standing struct {
	Node     string
	Endpoint netip.AddrPort
	RTT      time.Duration
	// Kept is how many posts of this device fewer than two homes confirmed.
	Kept int
	// Homes are the nodes that keep the account, as its home fact says.
	Homes []string
	// Nodes are device addresses of the realm's other nodes, as the node in use
	// names them.
	Nodes []string
	// Proposals are sentences that name a command to type; none: all is well.
	Proposals []string
}

// Status asks the node in use for the last publication (MPP-03 Status) and
// gathers what the profile knows.
func (c *Client) Status(ctx context.Context) (Standing, error) {
	st, err := call(ctx, c, func(l *link) (Standing, error) {
		start := time.Now()
		answer, err := request[*mpp.Status](ctx, c, l, new(mpp.Heartbeat))
		if err != nil {
			return Standing{}, err
		}
		return Standing{Node: l.address.String(), Endpoint: answer.EndPoint, RTT: time.Since(start)}, nil
	})
	if err != nil {
		return st, err
	}
	st.Kept = len(c.profile.outbox(c))
	if c.profile.Account() != "" {
		all, err := c.devices(ctx)
		if err != nil {
			return st, err
		}
		// What the homes say of themselves now: an old card is no sign of death.
		if _, err := call(ctx, c, func(l *link) (struct{}, error) { return struct{}{}, c.refreshHosts(ctx, l) }); err != nil {
			return st, err
		}
		st.Nodes = all.Peers
		st.Proposals = c.profile.proposals(len(all.Peers) > 0, c.wall.Now())
	}
	st.Homes = c.profile.Homes()
	return st, nil
}

// proposals are what the account's people should do, more urgent things first.
func (p *Profile) proposals(others bool, now wall.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.repairs()
	homes := p.homeNodes()
	for _, h := range homes {
		switch name := h.Key.Hash(); {
		case !p.keepsAccount(name, now):
			list = append(list, fmt.Sprintf("The node %s does not keep the account any more; name another one in its place: "+
				"presence account home remove %s, then presence account home add ADDRESS.", name.Short(), name))
		case p.book.facts[registry.NodeKey(name)] == nil:
			list = append(list, fmt.Sprintf("The node %s, which keeps the account, has said nothing of itself for two days; "+
				"if it does not come back: presence account home remove %s, then presence account home add ADDRESS.", name.Short(), name))
		}
	}
	if len(homes) == 1 && others {
		list = append(list, "Only one node keeps the account, though the realm has more; what it alone has is lost with it: presence account home add ADDRESS.")
	}
	return list
}

// homeNodes are the nodes that the account's home fact names. The caller holds
// p.mu.
func (p *Profile) homeNodes() []record.HomeNode {
	f := p.book.facts[registry.HomeKey(p.meta.Account)]
	if f == nil {
		return nil
	}
	return f.Body.(*record.Home).Nodes
}

// keepsAccount reports whether a node says that it keeps the account. The caller
// holds p.mu.
func (p *Profile) keepsAccount(node key.Hash, now wall.Time) bool {
	f := p.book.facts[registry.HostKey(p.meta.Account, node)]
	return f != nil && !f.Expired(now) && !f.Body.(*record.Host).Ended
}

// repairs are what only the account's key can put right. The caller holds p.mu.
func (p *Profile) repairs() []string {
	epoch := p.book.epoch()
	if epoch == nil {
		return []string{"No key is left that every device may have, so posts wait here; repair it where the account's key is: presence account repair."}
	}
	missed := p.unlisted(epoch)
	if len(missed) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("The newest epoch misses %s, which cannot read what is posted now; repair it where the account's key is: "+
		"presence account repair.", p.nameAll(missed))}
}

// unlisted are the devices that an epoch should list and does not, as NeedsRepair
// finds them.
func (p *Profile) unlisted(epoch *record.Fact) (missed []key.Hash) {
	for _, r := range lowest(p.book.watchers(key.Hash{})) {
		if r.Agreement.Curve() == key.X25519 && !epoch.Body.(*record.Epoch).Lists(r.Device) {
			missed = append(missed, r.Device)
		}
	}
	return missed
}

// nameAll names devices for people: how the account calls them, else the
// beginning of their hashes.
func (p *Profile) nameAll(devices []key.Hash) string {
	text := ""
	for i, d := range devices {
		name := p.book.name(d)
		if name == "" {
			name = d.Short()
		}
		switch {
		case i == 0:
		case i == len(devices)-1:
			text += " and "
		default:
			text += ", "
		}
		text += name
	}
	return text
}
