package node_test

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/discovery/mdns"
)

// loopbackInterface is the name of the loopback interface.
func loopbackInterface(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Skipf("no interfaces: %v", err)
	}
	i := slices.IndexFunc(all, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 })
	if i < 0 {
		t.Skip("no loopback interface is up")
	}
	return all[i].Name
}

// Nodes of a realm that were not told of each other meet by the announcement
// alone. testnet/lab shows it between machines, and that strangers stay apart.
func TestNeighboursMeet(t *testing.T) {
	lo := loopbackInterface(t)
	dir := t.TempDir()
	first, second := loopback(t, filepath.Join(dir, "a")), loopback(t, filepath.Join(dir, "b"))
	first.MDNS, first.MDNSInterfaces = true, []string{lo}
	second.MDNS, second.MDNSInterfaces = true, []string{lo}
	second.RealmKey = filepath.Join(dir, "a", "keys", "realm.key")
	a := start(t, first)
	_, fingerprint, _ := strings.Cut(strings.TrimPrefix(a.DeviceAddress(), "mpp://"), "/")
	r := mdns.Resolver{Interfaces: []string{lo}, Wait: 10 * time.Second}
	if found, err := r.Resolve(testContext(t), fingerprint); err != nil || len(found) == 0 {
		t.Skipf("multicast DNS does not work on %s: %v", lo, err)
	}
	agree(t, a, start(t, second))
}
