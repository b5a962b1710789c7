package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"meshpresence/node"
)

// ready is what a running node prints: presenced.ready/1.
type ready struct {
	Schema          string   `json:"schema"`
	Version         string   `json:"version"`
	DeviceAddresses []string `json:"device_addresses"`
	PeerAddresses   []string `json:"peer_addresses"`
	Realm           string   `json:"realm"`
	State           string   `json:"state"`
	// RealmKey is where the realm's key lies, null when it is not here.
	RealmKey   *string `json:"realm_key"`
	FirstStart bool    `json:"first_start"`
	Accounts   string  `json:"accounts"`

	here string // the node's address from this machine, "" when it has none
}

func readyOf(n *node.Node, cfg node.Config) ready {
	r := ready{
		Schema: "presenced.ready/1", Version: version(),
		DeviceAddresses: n.DeviceAddresses(), PeerAddresses: append([]string{}, n.PeerAddresses()...),
		Realm: n.Realm(), State: cfg.State, Accounts: "code",
	}
	r.here = loopback(cfg.Listen, r.DeviceAddresses[0])
	if cfg.OpenAccounts {
		r.Accounts = "open"
	}
	path := cfg.RealmKey
	if path == "" && hasRealmKey(cfg) {
		path = realmKeyPath(cfg)
	}
	if path != "" {
		r.RealmKey = &path
	}
	return r
}

// print writes the node's addresses, for people or as one object.
func (r ready) print(w io.Writer, asJSON bool) error {
	text := strings.Join(r.lines(), "\n")
	if asJSON {
		b, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		text = string(b)
	}
	if _, err := io.WriteString(w, text+"\n"); err != nil {
		return fmt.Errorf("saying that the node is ready: %w", err)
	}
	return nil
}

func (r ready) lines() []string {
	var lines []string
	for _, a := range r.DeviceAddresses {
		lines = append(lines, "device address: "+a)
	}
	for _, a := range beyond(r.PeerAddresses) {
		lines = append(lines, "peer address: "+a)
	}
	lines = append(lines, "realm: "+r.Realm, "state: "+r.State)
	if r.FirstStart {
		lines = append(lines,
			"",
			"This is the first start. The realm's key was made, and lies in",
			"  "+*r.RealmKey,
			"Whoever has it can let nodes into the realm. Move it off this machine to a",
			"safe place once every node is in; the node runs on without it.")
	}
	if r.FirstStart && r.here != "" {
		lines = append(lines, "", "To begin, on this machine:", "  presence --node "+r.here+" account create")
	}
	return lines
}

// beyond leaves out the addresses that reach no further than this machine, when
// there are others.
func beyond(peers []string) []string {
	far := slices.DeleteFunc(slices.Clone(peers), func(a string) bool {
		return strings.HasPrefix(a, "/ip4/127.") || strings.HasPrefix(a, "/ip6/::1/")
	})
	if len(far) == 0 {
		return peers
	}
	return far
}

// loopback is the node's address from its own machine, where accounts are made
// first, without what a person would have to copy: the tool shows the
// fingerprint and asks. It is empty when the node does not listen there.
func loopback(listen, address string) string {
	hosts, _, err := splitListen(listen)
	if err != nil {
		return ""
	}
	at, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for _, ip := range hosts {
		switch {
		case ip.IsUnspecified() && ip.Is4():
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		case ip.IsUnspecified():
			ip = netip.IPv6Loopback()
		case !ip.IsLoopback():
			continue
		}
		return "mpp://" + net.JoinHostPort(ip.String(), at.Port())
	}
	return ""
}
