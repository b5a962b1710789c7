package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshpresence/internal/record"
	"meshpresence/node/federation"
)

const (
	// peersName is the file under keys/ of the realm's multiaddrs: a node that
	// lost its store still finds the others by it.
	peersName = "peers"
	// maxKeptPeers bounds the lines of that file: a realm of thousands, or a
	// member that makes up addresses, costs a page.
	maxKeptPeers = 64
	// maxKeptEach bounds those of one node, so that it leaves room for others.
	maxKeptEach = 4
	// keepPeersEvery is how often that file is written at most: a member that
	// moves all the time wears no disk out.
	keepPeersEvery = 10 * time.Minute
)

// keepPeers writes down where the realm's nodes are now, when that is news.
func (n *Node) keepPeers(now time.Time) {
	if !n.peersAt.IsZero() && now.Sub(n.peersAt) < keepPeersEvery {
		return
	}
	peers := n.peersNow()
	if len(peers) == 0 || slices.Equal(peers, n.keys.peers) {
		return
	}
	n.peersAt, n.keys.peers = now, peers
	f := forward{
		ask: func(context.Context) {
			if err := savePeers(n.keysDir(), peers); err != nil {
				n.log.Warn("writing down where the realm's nodes are", "err", err)
			}
		},
		then: func(time.Time, bool) {},
	}
	select {
	case n.forwards <- f:
	default:
		n.keys.peers = nil // later, then
	}
}

// peersNow are the multiaddrs that the realm's other nodes give, each node's
// together, in the order of their keys.
func (n *Node) peersNow() []string {
	var cards []*record.Fact
	n.reg.Nodes(func(f *record.Fact) bool {
		if f.Author.Hash() != n.id {
			cards = append(cards, f)
		}
		return true
	})
	slices.SortFunc(cards, func(a, b *record.Fact) int { return strings.Compare(string(a.Author), string(b.Author)) })
	var peers []string
	for _, f := range cards {
		peers = append(peers, peersOn(f.Author, f.Body.(*record.Node))...)
	}
	return peers[:min(len(peers), maxKeptPeers)]
}

// savePeers replaces the multiaddrs kept, one a line. Without any the old ones
// stay.
func savePeers(dir string, peers []string) error {
	peers = peers[:min(len(peers), maxKeptPeers)]
	if len(peers) == 0 {
		return nil
	}
	return saveFile(filepath.Join(dir, peersName), []byte(strings.Join(peers, "\n")+"\n"))
}

// loadPeers are the multiaddrs kept; what cannot be dialled is left out.
func loadPeers(dir string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(dir, peersName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the realm's addresses: %w", err)
	}
	var peers []string
	for line := range bytes.Lines(b) {
		if s := string(bytes.TrimSpace(line)); federation.IsPeerAddress(s) && len(peers) < maxKeptPeers {
			peers = append(peers, s)
		}
	}
	return peers, nil
}
