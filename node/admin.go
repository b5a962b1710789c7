package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/admin"
	"meshpresence/node/federation"
	"meshpresence/node/mpp"
	"meshpresence/node/store"
	"meshpresence/transport/rud/handshake"
)

const (
	// healthWithin is how long the loop may take to answer before the node counts
	// as unhealthy: a supervisor would rather start it again.
	healthWithin = 5 * time.Second
	// maxMembersShown bounds the realm's facts that an overview is made of.
	maxMembersShown = 4096
)

// Version is what the build says of itself.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)"
	}
	return info.Main.Version
}

// operator is the node as its admin socket shows it.
type operator struct{ *Node }

// Invite implements admin.Node.
func (o operator) Invite(ctx context.Context) (admin.Invite, error) {
	i, err := o.Node.Invite(ctx)
	if errors.Is(err, errStopped) {
		err = o.silent()
	}
	return admin.Invite{Code: i.Code, Text: i.Text, Expires: i.Expires}, err
}

// Overview implements admin.Node.
func (o operator) Overview(ctx context.Context) (admin.Overview, error) {
	v := admin.Overview{
		Version: Version(), Started: o.started.Std(),
		Node: o.id.String(), Realm: o.realm.String(), Fingerprint: o.keys.rud.Public().UDF(),
		DeviceAddresses: o.DeviceAddresses(), PeerAddresses: slices.Concat([]string{}, o.PeerAddresses()),
		State: o.cfg.State, RealmKey: o.realmKeyFile(), Admission: "code",
		Clock: admin.Clock{Now: o.wall.Now().Std(), Off: clockOff(o.fed.Clocks())},
	}
	if o.rules.Open {
		v.Admission = "open"
	}
	type state struct {
		accounts, facts, devices int
		members                  []admin.Member
	}
	answer := make(chan state, 1)
	if !o.do(ctx, func(time.Time) {
		answer <- state{o.reg.Vouched(o.id), o.reg.Len(), o.watchers(), o.members()}
	}) {
		return admin.Overview{}, o.silent()
	}
	s := <-answer
	v.Accounts, v.Facts, v.Devices = s.accounts, s.facts, s.devices
	v.Members = o.seen(ctx, s.members)
	return v, nil
}

// Accounts is how many accounts this node keeps.
func (n *Node) Accounts(ctx context.Context) (int, error) {
	answer := make(chan int, 1)
	if !n.do(ctx, func(time.Time) { answer <- n.reg.Vouched(n.id) }) {
		return 0, n.silent()
	}
	return <-answer, nil
}

// silent is why the loop did not answer.
func (n *Node) silent() error {
	select {
	case <-n.stop:
		return admin.ErrStopping
	default:
		return errors.New("the node's loop does not answer")
	}
}

// realmKeyFile is where the realm's key lies, "" when it is not here: it may be
// moved off while the node runs.
func (n *Node) realmKeyFile() string {
	path := n.cfg.RealmKey
	if path == "" {
		path = filepath.Join(n.keysDir(), realmKeyName)
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// watchers counts the devices that are being told what happens.
func (n *Node) watchers() (count int) {
	for _, sessions := range n.watching {
		count += len(sessions)
	}
	return count
}

// members are the realm's nodes as its facts name them: this one first, expelled
// ones last, in the order of their hashes.
func (n *Node) members() []admin.Member {
	known := make(map[key.Hash]*admin.Member)
	member := func(node key.Hash) *admin.Member {
		if known[node] == nil {
			known[node] = &admin.Member{Node: node.String(), Self: node == n.id, Addresses: []string{}}
		}
		return known[node]
	}
	for _, f := range n.reg.Rows(n.wall.Now(), key.Hash{}, key.Hash{}, maxMembersShown) {
		switch b := f.Body.(type) {
		case *record.Member:
			member(b.Node)
		case *record.Expelled:
			member(b.Node).Expelled = true
		case *record.Node:
			m := member(f.Author.Hash())
			m.Fingerprint, m.Addresses = cardSays(b)
		}
	}
	list := make([]admin.Member, 0, len(known))
	for _, m := range known {
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b admin.Member) int {
		return slices.Compare([]string{rank(a), a.Node}, []string{rank(b), b.Node})
	})
	return list
}

// rank orders members: this node, the others, the expelled.
func rank(m admin.Member) string {
	switch {
	case m.Self:
		return "0"
	case m.Expelled:
		return "2"
	}
	return "1"
}

// cardSays is a node's fingerprint and its addresses for devices.
func cardSays(b *record.Node) (fingerprint string, addresses []string) {
	addresses = []string{}
	if len(b.Agreements) == 0 {
		return "", addresses
	}
	fingerprint = b.Agreements[0].UDF()
	for _, a := range b.Addresses {
		addresses = append(addresses, a+"/"+fingerprint)
	}
	return fingerprint, addresses
}

// seen adds to the realm's nodes which are connected, and when each was heard.
func (n *Node) seen(ctx context.Context, members []admin.Member) []admin.Member {
	peers := make(map[string]federation.PeerInfo)
	for _, p := range n.fed.Peers(ctx) {
		peers[p.Node.String()] = p
	}
	now := time.Now()
	for i := range members {
		p, ok := peers[members[i].Node]
		if !ok {
			continue
		}
		members[i].Connected = p.Connected
		if !p.Heard.IsZero() {
			at := n.wall.Now().Add(-now.Sub(p.Heard)).Std()
			members[i].LastHeard = &at
		}
	}
	return members
}

// clockOff is how far this node's clock is ahead of the median, in seconds.
func clockOff(c federation.Clocks) *float64 {
	if c.Count < 2 {
		return nil
	}
	off := float64(c.Offset)
	return &off
}

// Health implements admin.Node: the loop answers, the disk took what it was last
// given, and the clock may be believed.
func (o operator) Health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	select {
	case <-o.stop:
		return admin.ErrStopping
	default:
	}
	answer := make(chan error, 1)
	if !o.do(ctx, func(time.Time) { answer <- o.diskErr }) {
		return o.silent()
	}
	if err := <-answer; err != nil {
		return fmt.Errorf("writing the store: %w", err)
	}
	if c := o.fed.Clocks(); c.Off() {
		return fmt.Errorf("the clock is %d s off the other nodes': no copy is confirmed until it is set right", c.Offset)
	}
	return nil
}

// Numbers implements admin.Node.
func (o operator) Numbers(ctx context.Context) (admin.Numbers, error) {
	where, err := o.Whereabouts(ctx)
	if err != nil {
		return admin.Numbers{}, o.silent()
	}
	answer := make(chan admin.Numbers, 1)
	if !o.do(ctx, func(time.Time) { answer <- o.numbers(where) }) {
		return admin.Numbers{}, o.silent()
	}
	v := <-answer
	v.Connected = len(o.fed.Members())
	v.Damaged = o.store.Quarantined()
	v.ClockOff = clockOff(o.fed.Clocks())
	s := o.fed.Stats()
	v.Gossip = map[string]uint64{
		"received": uint64(s.Received), "ignored": uint64(s.Ignored), "rejected": uint64(s.Rejected), "dropped": uint64(s.Dropped),
	}
	v.Synced, v.Dials = uint64(s.Synced), uint64(s.Dialed)
	return v, nil
}

// numbers are those that the loop owns.
func (n *Node) numbers(where map[mpp.Reason]int) admin.Numbers {
	s := n.ep.Stats()
	v := admin.Numbers{
		Connections: len(n.sessions), Watching: n.watchers(), Facts: n.reg.Len(), Accounts: n.reg.Vouched(n.id),
		Datagrams: map[string]uint64{
			"received": s.Received, "sent": s.Sent, "unknown": s.Unknown, "dropped": s.Dropped, "replayed": s.Replayed, "resent": s.Resent,
		},
		Handshakes: make(map[string]uint64, handshake.Outcomes),
		Devices:    make(map[string]int),
	}
	for _, reason := range mpp.Reasons() {
		v.Devices[string(reason)] = where[reason]
	}
	for i, count := range s.Handshake {
		v.Handshakes[handshake.Outcome(i).String()] = count
	}
	for _, m := range n.members() {
		if !m.Expelled {
			v.Members++
		}
	}
	return v
}

// committed counts a batch that the disk took so long for.
func (n *Node) committed(err error, took time.Duration) {
	outcome := admin.CommittedOK
	switch {
	case errors.Is(err, store.ErrFull):
		outcome = admin.CommittedFull
	case err != nil:
		outcome = admin.CommittedFailed
	}
	n.metrics.Committed(outcome, took)
}
