package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"meshpresence/node"
	"meshpresence/node/admin"
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
	// Admin is the path of the admin socket, null when there is none.
	Admin *string `json:"admin"`
	// Joined: this start made the node a member of another's realm.
	Joined bool `json:"joined"`
	// Invite lets the first account in, null when there is one already or when
	// none needs it.
	Invite *invite `json:"invite"`

	here string // the node's address from this machine, "" when it has none
}

// invite is a code for an account.
type invite struct {
	Code    string    `json:"code"`
	Text    string    `json:"text"`
	Expires time.Time `json:"expires"`
}

func readyOf(ctx context.Context, n *node.Node, cfg node.Config) (ready, error) {
	r := ready{
		Schema: "presenced.ready/1", Version: node.Version(),
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
	if cfg.Admin != "" {
		r.Admin = &cfg.Admin
	}
	var err error
	r.Invite, err = firstInvite(ctx, n, cfg)
	return r, err
}

// firstInvite makes a code while no account is kept and one would need it.
func firstInvite(ctx context.Context, n *node.Node, cfg node.Config) (*invite, error) {
	if cfg.OpenAccounts {
		return nil, nil
	}
	if kept, err := n.Accounts(ctx); err != nil || kept > 0 {
		return nil, err
	}
	i, err := n.Invite(ctx)
	if err != nil {
		return nil, err
	}
	return &invite{i.Code, i.Text, i.Expires}, nil
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
	switch {
	case r.Joined:
		lines = append(lines, "", "This node is now a member of the realm. Start it without --join from now on.")
	case r.FirstStart && r.RealmKey != nil:
		lines = append(lines,
			"",
			"This is the first start. The realm's key was made, and lies in",
			"  "+*r.RealmKey,
			"Whoever has it can let nodes into the realm. Move it off this machine to a",
			"safe place once every node is in; the node runs on without it.")
	}
	if r.FirstStart || r.Invite != nil {
		lines = append(lines, r.begin()...)
	}
	return lines
}

// begin says how to make the first account.
func (r ready) begin() (lines []string) {
	if create := r.create(); create != "" {
		lines = append(lines, "", "To begin, on this machine:", "  "+create)
	}
	if r.Invite != nil {
		lines = append(lines,
			"",
			"On another machine, once and before "+r.Invite.Expires.Local().Format("15:04")+":",
			"  presence account create --code "+r.Invite.Text,
			"The code alone:",
			"  "+r.Invite.Code)
	}
	if r.Invite != nil && r.Admin != nil {
		lines = append(lines, "Another code, on this machine:", "  presence admin invite"+r.socket())
	}
	return lines
}

// create is the command that makes an account on this machine, where the admin
// socket gives the tool a code and the node's address. It is empty when there is
// none that would do.
func (r ready) create() string {
	switch {
	case r.Admin != nil:
		return "presence account create" + r.socket()
	case r.Invite == nil && r.here != "":
		return "presence --node " + r.here + " account create"
	}
	return ""
}

// socket is the flag for a socket that the tool does not find by itself.
func (r ready) socket() string {
	if slices.Contains(admin.UsualSockets(), *r.Admin) {
		return ""
	}
	return " --admin " + *r.Admin
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
