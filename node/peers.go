package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"meshpresence/node/federation"
)

const (
	// peersName is the file under keys/ of the realm's multiaddrs: a node that
	// lost its store still finds the others by it.
	peersName = "peers"
	// maxKeptPeers bounds the lines of that file: a realm of thousands, or a
	// member that makes up addresses, costs a page.
	maxKeptPeers = 64
)

// savePeers replaces the multiaddrs kept, one a line.
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
