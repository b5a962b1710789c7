package main

import (
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
)

const (
	helpWidth = 80
	// minHeartbeat is the shortest heartbeat a node need bear (mpp.md,
	// Semantics).
	minHeartbeat = time.Second
)

// common is the group of the flags that every verb takes.
var common = kong.Group{Key: "common", Title: "Flags of every verb:"}

const description = `Presence for your devices: what one posts, the others hear.

Examples:
  presence account create
  presence device add
  presence device join mpp-join:CODE@192.0.2.7:6770/FINGERPRINT
  presence watch
  presence publish "dinner is ready"
  presence publish --label door open

Exit codes:
` + exitTable

// commands is the grammar: one field a verb.
type commands struct {
	options
	Account accountVerbs `cmd:"" help:"The account."`
	Device  deviceVerbs  `cmd:"" help:"The account's devices."`
	Watch   watch        `cmd:"" help:"Print what is posted, one line an event, until Ctrl-C."`
	Publish publish      `cmd:"" help:"Post a message, or with --label a status."`
	Status  status       `cmd:"" help:"Show this device, its account and what a node says."`
	Ping    ping         `cmd:"" help:"Ask a node what address it sees, and how long it takes."`
	Why     why          `cmd:"" help:"Say where a device is, or why it is not."`
	Realm   realmVerbs   `cmd:"" help:"The nodes that share what they keep."`
	Admin   adminVerbs   `cmd:"" help:"The node of this machine."`
}

type accountVerbs struct {
	Create  accountCreate  `cmd:"" help:"Make an account, with this device as its first."`
	Show    accountShow    `cmd:"" help:"Show what this device knows of its account."`
	Backup  accountBackup  `cmd:"" help:"Write the account's key to a file."`
	Restore accountRestore `cmd:"" help:"Bring the account's key back from a file."`
	Home    homeVerbs      `cmd:"" help:"The nodes that keep the account."`
	Repair  accountRepair  `cmd:"" help:"Finish what an act of the account's key left undone."`
}

type homeVerbs struct {
	List   accountHomeList   `cmd:"" help:"Show the nodes that keep the account."`
	Add    accountHomeAdd    `cmd:"" help:"Have one more node keep the account."`
	Remove accountHomeRemove `cmd:"" help:"End a node's part in keeping the account."`
}

type deviceVerbs struct {
	Add    deviceAdd    `cmd:"" help:"Let another device into the account, by a code."`
	Join   deviceJoin   `cmd:"" help:"Make this device one of an account, by a code."`
	List   deviceList   `cmd:"" help:"Show the account's devices."`
	Rename deviceRename `cmd:"" help:"Give a device another name."`
	Revoke deviceRevoke `cmd:"" help:"End a device's part in the account, for good."`
}

type realmVerbs struct {
	Create  realmCreate  `cmd:"" help:"Make a realm's key away from any node."`
	Invite  realmInvite  `cmd:"" help:"Let another node into the realm, by a code."`
	Members realmMembers `cmd:"" help:"Show the realm's nodes."`
	Remove  realmRemove  `cmd:"" help:"End a node's part in the realm, for good."`
}

type adminVerbs struct {
	Invite adminInvite `cmd:"" help:"Print a code that lets one account in."`
	Status adminStatus `cmd:"" help:"Show what the node is and whom it knows."`
	Health adminHealth `cmd:"" help:"Exit with 0 when the node serves, with 1 when not."`
}

// options is what every verb takes.
type options struct {
	Profile    string           `group:"common" placeholder:"NAME|DIR" default:"default" env:"PRESENCE_PROFILE" help:"The device: a profile's name, or its directory; ${default} unless given."`
	Node       string           `group:"common" placeholder:"ADDR" env:"PRESENCE_NODE" help:"The node to try first: mpp://host:port/FINGERPRINT."`
	TrustFirst bool             `group:"common" help:"Take the key found at an address that has no pin, without asking."`
	JSON       bool             `group:"common" name:"json" help:"Print JSON, an object a line."`
	Timeout    time.Duration    `group:"common" placeholder:"TIME" default:"15s" help:"How long to wait for a node, ${default} unless given; 0 waits on."`
	Heartbeat  time.Duration    `group:"common" placeholder:"TIME" default:"25s" help:"The pace of keep-alives, ${default} unless given, at least 1s."`
	Version    kong.VersionFlag `group:"common" help:"Print the version and exit."`
}

// check refuses what no verb could use.
func (o options) check() error {
	switch {
	case o.Timeout < 0:
		return usage("give a time like 15s or 1m, or 0 to wait on", "--timeout %v is below zero", o.Timeout)
	case o.Heartbeat < minHeartbeat:
		return usage("give at least 1s: devices behind a NAT need about 25s", "--heartbeat %v is too short", o.Heartbeat)
	}
	return nil
}

// version is what the build says of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "presence (unknown version)"
	}
	return "presence " + info.Main.Version
}
