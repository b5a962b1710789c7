package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"meshpresence/discovery"
	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/admin"
)

const (
	helpWidth = 80
	// minSyncEvery keeps a slip of the pen from keeping two nodes busy with
	// nothing but comparing.
	minSyncEvery = time.Second
)

const description = `A presence node: devices watch and publish through it, and it shares what it
keeps with the other nodes of its realm. It needs no arguments.

Examples:
  presenced
  presenced --listen :6770 --accounts open
  presenced --join mpp-join:CODE@192.0.2.7:6770/FINGERPRINT
  presenced --realm-key realm.key --peer /ip4/192.0.2.7/udp/6771/quic-v1/p2p/ID

Every flag may be given as an environment variable; a list takes commas there.

Exit codes:
` + exitTable

// options are the flags.
type options struct {
	State      string        `placeholder:"DIR" env:"PRESENCED_STATE" help:"Keys and store, made when absent; ${state} unless given."`
	Listen     string        `placeholder:"HOST:PORT" default:":6770" env:"PRESENCED_LISTEN" help:"UDP address for devices, ${default} unless given; port 0 takes any."`
	PeerListen []string      `placeholder:"ADDR" env:"PRESENCED_PEER_LISTEN" help:"Address for other nodes: a multiaddr, or host:port for QUIC and TCP there; :6771 unless given."`
	Announce   []string      `placeholder:"ADDR" env:"PRESENCED_ANNOUNCE" help:"What other nodes are told in place of the addresses found; none tells nothing."`
	Peer       []string      `placeholder:"ADDR" env:"PRESENCED_PEER" help:"Another node of the realm: the peer address that it prints."`
	Join       string        `placeholder:"CODE" env:"PRESENCED_JOIN" help:"At the first start: join the realm that made this code, as presence realm invite prints it there."`
	RealmKey   string        `placeholder:"FILE" env:"PRESENCED_REALM_KEY" help:"The realm's key; the node signs itself in with it. Made at the first start unless given."`
	Accounts   string        `placeholder:"WHO" default:"code" enum:"code,open" env:"PRESENCED_ACCOUNTS" help:"Who may create accounts: code, whoever has one from this node, or open, anyone; ${default} unless given."`
	MDNS       bool          `name:"mdns" default:"true" negatable:"" env:"PRESENCED_MDNS" help:"Be found by devices and nodes on the local network, and find nodes there; on unless --no-mdns."`
	Admin      string        `placeholder:"PATH" env:"PRESENCED_ADMIN" help:"The socket for presence admin; admin.sock in the state directory unless given; none makes none."`
	Quiet      bool          `env:"PRESENCED_QUIET" help:"Be silent to devices that do not know this node's fingerprint yet."`
	SyncEvery  time.Duration `placeholder:"TIME" default:"10s" env:"PRESENCED_SYNC_EVERY" help:"How often to compare with other nodes, ${default} unless given, at least 1s."`
	JSON       bool          `name:"json" env:"PRESENCED_JSON" help:"Print one JSON object when ready."`
	LogLevel   slog.Level    `placeholder:"LEVEL" default:"info" env:"PRESENCED_LOG_LEVEL" help:"debug, info, warn or error; ${default} unless given. The log goes to standard error."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// config is what the flags mean; what cannot be is refused here, before any
// file or socket is touched.
func (o *options) config() (node.Config, error) {
	cfg := node.Config{
		Listen: o.Listen, Peers: o.Peer, RealmKey: o.RealmKey,
		OpenAccounts: o.Accounts == "open", Quiet: o.Quiet, SyncEvery: o.SyncEvery, MDNS: o.MDNS,
	}
	if o.SyncEvery < minSyncEvery {
		return cfg, usage("give at least 1s; the default is 10s", "--sync-every %v is too short", o.SyncEvery)
	}
	if _, _, err := splitListen(o.Listen); err != nil {
		return cfg, usage("give HOST:PORT, like :6770 or 192.0.2.7:6770 or [::1]:0", "--listen %q: %v", o.Listen, err)
	}
	for _, p := range o.Peer {
		if !strings.HasPrefix(p, "/") || !strings.Contains(p, "/p2p/") {
			return cfg, usage("give a peer address as the other node prints it, like /ip4/192.0.2.7/udp/6771/quic-v1/p2p/ID", "--peer %q is no multiaddr that ends in /p2p/ID", p)
		}
	}
	var err error
	if cfg.PeerListen, err = listenAddresses("--peer-listen", o.PeerListen); err != nil {
		return cfg, err
	}
	if cfg.Announce, err = o.announce(); err != nil {
		return cfg, err
	}
	if err := o.checkJoin(); err != nil {
		return cfg, err
	}
	if err := checkRealmKey(o.RealmKey); err != nil {
		return cfg, err
	}
	if cfg.State = o.State; cfg.State == "" {
		if cfg.State, err = stateDir(); err != nil {
			return cfg, err
		}
	}
	switch cfg.Admin = o.Admin; cfg.Admin {
	case "":
		cfg.Admin = filepath.Join(cfg.State, admin.SocketName)
	case "none":
		cfg.Admin = ""
	}
	return cfg, nil
}

// longCode is the form of a code that names its node.
const longCode = "paste the whole of it, mpp-join:CODE@host:port/FINGERPRINT, as presence realm invite prints it"

// checkJoin refuses a code that cannot be one. It is a secret until it is used,
// so nothing says it again.
func (o *options) checkJoin() error {
	if o.Join == "" {
		return nil
	}
	if o.RealmKey != "" {
		return usage("leave one of them out: whoever has the realm's key needs no code", "--join and --realm-key were both given")
	}
	_, at, err := access.ParseJoin(o.Join)
	switch {
	case err != nil:
		return usage(longCode, "--join: that is no code")
	case at == (discovery.Address{}) && !o.MDNS:
		return usage(longCode+", or leave out --no-mdns", "--join: the code names no node")
	}
	return nil
}

// announce is nil when nothing was said, and empty for none.
func (o *options) announce() ([]string, error) {
	if len(o.Announce) == 1 && o.Announce[0] == "none" {
		return []string{}, nil
	}
	return listenAddresses("--announce", o.Announce)
}

// checkRealmKey says early, and as a matter of configuration, that the key given
// cannot be read.
func checkRealmKey(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return configuration("give the file that the realm's first node made: keys/realm.key in its state directory", "--realm-key %s: there is no such file", path)
	case err != nil:
		return configuration("", "--realm-key: %v", err)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return configuration("make it yours alone: chmod 600 "+path, "--realm-key %s may be read by others (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}

// usage is an error of the command line, with what to do instead.
func usage(hint, format string, args ...any) error {
	return &fault{err: fmt.Errorf(format, args...), code: exitUsage, hint: hint}
}

// configuration is an error in what the command line points at.
func configuration(hint, format string, args ...any) error {
	return &fault{err: fmt.Errorf(format, args...), code: exitConfiguration, hint: hint}
}
