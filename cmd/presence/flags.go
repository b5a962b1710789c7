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
  presence --node mpp://192.0.2.7:6770/FINGERPRINT account create
  presence watch
  presence publish "dinner is ready"
  presence publish --label door open

Exit codes:
` + exitTable

// commands is the grammar: one field a verb.
type commands struct {
	options
	Account struct {
		Create accountCreate `cmd:"" help:"Make an account, with this device as its first."`
	} `cmd:"" help:"The account."`
	Watch   watch   `cmd:"" help:"Print what is posted, one line an event, until Ctrl-C."`
	Publish publish `cmd:"" help:"Post a message, or with --label a status."`
	Status  status  `cmd:"" help:"Show this device, its account and what a node says."`
	Ping    ping    `cmd:"" help:"Ask a node what address it sees, and how long it takes."`
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
