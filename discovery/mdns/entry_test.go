package mdns

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func fingerprint(i int) string { return fmt.Sprintf("M%07d", i) }

func TestTableTellsNews(t *testing.T) {
	now := time.Now()
	nodes := make(table)
	tell := func(what string, want bool, after time.Duration, e Entry) Entry {
		t.Helper()
		now = now.Add(after)
		told, news := nodes.hear(now, e)
		if news != want {
			t.Errorf("%s: told %v, want %v", what, news, want)
		}
		return told
	}
	one := Entry{Fingerprint: fp, Addrs: ports("10.0.0.1:1"), Peers: []string{tcp}}
	tell("a goodbye of nobody", false, 0, Entry{Fingerprint: fp, Gone: true})
	tell("a new node", true, 0, one)
	tell("the same", false, time.Second, one)
	got := tell("its other link", true, time.Second, Entry{Fingerprint: fp, Addrs: ports("[fe80::1%eth0]:1", "10.0.1.1:1")})
	if want := ports("10.0.1.1:1", "10.0.0.1:1", "[fe80::1%eth0]:1"); !slices.Equal(got.Addrs, want) || len(got.Peers) != 1 {
		t.Errorf("told %v, want %v", got, want)
	}
	tell("the first link again", false, time.Second, one)
	tell("the same after a while", true, entryRepeat, one)
	if told := tell("a goodbye", true, time.Second, Entry{Fingerprint: fp, Peers: []string{tcp}, Gone: true}); !told.Gone || len(nodes) != 0 {
		t.Errorf("a goodbye is told as %v, %d kept", told, len(nodes))
	}
}

// "a hostile LAN answers thousands of records: at most 64 entries kept".
func TestTableIsBounded(t *testing.T) {
	now := time.Now()
	nodes := make(table)
	for i := range 5000 {
		nodes.hear(now, Entry{Fingerprint: fingerprint(i), Addrs: ports("10.0.0.1:1")})
	}
	if len(nodes) != maxEntries || nodes[fingerprint(0)] == nil {
		t.Errorf("%d nodes kept, want the first %d", len(nodes), maxEntries)
	}
	// What is not heard any more gives way; what is heard stays.
	now = now.Add(entryStale)
	nodes.hear(now, Entry{Fingerprint: fingerprint(0), Addrs: ports("10.0.0.1:1")})
	if _, news := nodes.hear(now, Entry{Fingerprint: fp, Addrs: ports("10.0.0.1:1")}); !news || len(nodes) != maxEntries || nodes[fingerprint(0)] == nil {
		t.Errorf("a new node among %d stale ones is not kept", len(nodes))
	}
	// A liar that adds addresses for ever.
	for i := range 1000 {
		nodes.hear(now, Entry{
			Fingerprint: fp, Peers: []string{fmt.Sprintf("/tcp/%d/p2p/ID", i)},
			Addrs: []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)},
		})
	}
	if e := nodes[fp]; len(e.Addrs) != maxAddrs || len(e.Peers) != maxPeers {
		t.Errorf("%d addresses and %d peers of one node", len(e.Addrs), len(e.Peers))
	}
	now = now.Add(entryLife)
	if nodes.hear(now, Entry{Fingerprint: fingerprint(9999), Addrs: ports("10.0.0.1:1")}); len(nodes) != 1 {
		t.Errorf("%d nodes kept beyond their life", len(nodes))
	}
}

// What a table told is the listener's own.
func TestTableTellsCopies(t *testing.T) {
	nodes := make(table)
	told, _ := nodes.hear(time.Now(), Entry{Fingerprint: fp, Addrs: ports("10.0.0.1:1")})
	told.Addrs[0] = netip.AddrPort{}
	if !nodes[fp].Addrs[0].IsValid() {
		t.Error("a listener changed the table")
	}
}
