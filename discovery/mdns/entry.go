package mdns

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Entry is what the network says of one node. All of it is a claim.
type Entry struct {
	Fingerprint string           // as in discovery.Address
	Addrs       []netip.AddrPort // for devices, the best first; link-local IPv6 has its zone
	Peers       []string         // multiaddrs that end in /p2p/; those without an address mean each of Addrs
	Gone        bool             // it said goodbye
}

// usable reports whether an address may be a node's on a link: this machine
// answers at a loopback address whatever another one says.
func usable(a netip.Addr, loopback bool) bool {
	if a.Is4In6() {
		return false
	}
	return a.IsGlobalUnicast() || a.IsLinkLocalUnicast() || loopback && a.IsLoopback()
}

// better orders addresses: those that need no zone and that most networks
// have come first.
func better(a, b netip.AddrPort) int {
	return cmp.Compare(kind(a.Addr()), kind(b.Addr()))
}

func kind(a netip.Addr) int {
	switch {
	case a.IsLoopback():
		return 4
	case a.IsLinkLocalUnicast() && a.Is6():
		return 3
	case a.IsLinkLocalUnicast():
		return 2
	case a.Is6():
		return 1
	}
	return 0
}

// isPeer reports whether a text could be a multiaddr of a peer: no room for
// anything that is not to be shown or logged.
func isPeer(s string) bool {
	if len(s) == 0 || len(s) > maxString || s[0] != '/' || !strings.Contains(s, "/p2p/") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("/.:%-_", r)
	})
}

// table is the nodes that one search heard.
type table map[string]*heard

type heard struct {
	Entry
	at   time.Time // last heard
	told time.Time // to who searches
}

// hear notes an entry and reports what is to be told of it, if anything.
func (t table) hear(now time.Time, e Entry) (Entry, bool) {
	h := t[e.Fingerprint]
	switch {
	case e.Gone && h == nil:
		return e, false
	case e.Gone:
		delete(t, e.Fingerprint)
		return e, true
	case h == nil && !t.room(now):
		return e, false
	case h == nil:
		h = new(heard)
		t[e.Fingerprint] = h
	}
	// A node on two links says each its own part.
	merged := Entry{
		Fingerprint: e.Fingerprint,
		Addrs:       union(e.Addrs, h.Addrs, maxAddrs),
		Peers:       union(e.Peers, h.Peers, maxPeers),
	}
	slices.SortStableFunc(merged.Addrs, better)
	news := !sameSet(merged.Addrs, h.Addrs) || !sameSet(merged.Peers, h.Peers) || now.Sub(h.told) >= entryRepeat
	h.Entry, h.at = merged, now
	if news {
		h.told = now
	}
	return merged.clone(), news
}

// room makes room for one more: what was not heard for long goes.
func (t table) room(now time.Time) bool {
	var stalest string
	for fingerprint, h := range t {
		if now.Sub(h.at) >= entryLife {
			delete(t, fingerprint)
		} else if s := t[stalest]; s == nil || h.at.Before(s.at) {
			stalest = fingerprint
		}
	}
	if len(t) < maxEntries {
		return true
	}
	if now.Sub(t[stalest].at) < entryStale {
		return false
	}
	delete(t, stalest)
	return true
}

func (e Entry) clone() Entry {
	e.Addrs, e.Peers = slices.Clone(e.Addrs), slices.Clone(e.Peers)
	return e
}

// union is a and what b has besides, up to a length.
func union[T comparable](a, b []T, limit int) []T {
	var out []T
	for _, list := range [][]T{a, b} {
		for _, v := range list {
			if len(out) < limit && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// sameSet compares lists without repetitions, whatever their order.
func sameSet[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	return !slices.ContainsFunc(a, func(v T) bool { return !slices.Contains(b, v) })
}
