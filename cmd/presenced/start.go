package main

import (
	"errors"
	"io/fs"

	"meshpresence/internal/key"
	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/admin"
	"meshpresence/node/client"
	"meshpresence/node/store"
)

// reasons are why a node does not start, where the exit code or the advice
// differs from any other error's.
var reasons = []struct {
	is   error
	code int
	hint string
}{
	{store.ErrNewer, exitConfiguration, "run the newer presenced again, or give another directory with --state"},
	{store.ErrLocked, exitError, "stop the other presenced, or give this one a directory of its own with --state"},
	{store.ErrCorrupt, exitError, "move its store directory away and start again: devices and other nodes bring back what they hold"},
	{store.ErrFull, exitError, "make room on the disk, or give another directory with --state"},
	{key.ErrMode, exitConfiguration, "make it yours alone: chmod 600"},
	{key.ErrRole, exitConfiguration, "give the file that holds a key of that kind"},
	{key.ErrFile, exitConfiguration, "give the file as it was made"},
	{key.ErrEncrypted, exitConfiguration, "a node reads keys that are in clear only"},
	{admin.ErrPath, exitConfiguration, ""}, // the text says what to do
	{admin.ErrBusy, exitError, ""},
	{node.ErrInRealm, exitConfiguration, "start it without --join; to join as a new node, give an empty directory with --state DIR"},
	{node.ErrNoRelay, exitUsage, longCode},
	{access.ErrCode, exitUsage, longCode},
	{client.ErrOtherCode, exitUsage, "ask for one of a realm, with: presence realm invite"},
	{client.ErrFingerprint, exitRefused, "someone may be in between, or the node was set up anew: ask for a new code"},
	{client.ErrNoAnswer, exitNoAnswer, "check that the node that the code names runs, that UDP reaches it, and that somebody says yes there"},
	{fs.ErrPermission, exitError, "give a directory that this user may write with --state DIR"},
}

// wrapStart gives an error of node.Start, or of a join before it, its exit code and advice.
func wrapStart(err error) error {
	var refusal *client.Refusal
	if errors.As(err, &refusal) {
		return &fault{err: err, code: refusal.Code.Exit(), hint: "a code works once, for 15 minutes: ask for a new one with presence realm invite"}
	}
	for _, r := range reasons {
		if errors.Is(err, r.is) {
			return &fault{err: err, code: r.code, hint: r.hint}
		}
	}
	return err
}
