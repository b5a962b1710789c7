package access

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

// Our limits.
const (
	// DefaultAccounts is how many accounts a node keeps unless told otherwise:
	// as many as the other members will carry on its word.
	DefaultAccounts = 64
)

// Rules are a node's rules of admission. The zero value admits new accounts by
// code only, up to DefaultAccounts.
type Rules struct {
	// Open admits new accounts without a code.
	Open bool
	// Accounts bounds how many accounts are kept here; 0 means DefaultAccounts.
	Accounts int
}

// Admit decides whether an account that brings no code may be kept here. vouched
// says that a device of it asks, and that a living member of the realm keeps it.
func (r Rules) Admit(vouched bool) mpp.Code {
	if !r.Open && !vouched {
		return mpp.CodeNotAdmitted
	}
	return mpp.CodeOK
}

// Room decides whether one more account may be kept beside kept ones. It alone is
// asked of an account that another member proposes.
func (r Rules) Room(kept int) mpp.Code {
	limit := r.Accounts
	if limit == 0 {
		limit = DefaultAccounts
	}
	if kept >= limit {
		return mpp.CodeQuota
	}
	return mpp.CodeOK
}

// Is decides whether a connection's static key is the one that a device fact
// names: the link from a connection to a device.
func Is(peer key.Agreement, device *record.Fact) bool {
	return device != nil && device.Body.(*record.Device).Agreement == peer
}

// Watch decides whether a device may watch, and through this node.
func Watch(now wall.Time, node key.Hash, device, attach *record.Fact) mpp.Code {
	body := attach.Body.(*record.Attach)
	switch {
	case device.Body.(*record.Device).Roles&record.Watch == 0:
		return mpp.CodeRefused
	case attach.Expired(now):
		return mpp.CodeExpired
	}
	for _, n := range body.Nodes {
		if n == node {
			return mpp.CodeOK
		}
	}
	return mpp.CodeRefused
}

// Attach decides whether a device may bring this attach fact of its own. One that
// names no node ends delivery, which needs no right.
func Attach(device, attach *record.Fact) mpp.Code {
	if len(attach.Body.(*record.Attach).Nodes) > 0 && device.Body.(*record.Device).Roles&record.Watch == 0 {
		return mpp.CodeRefused
	}
	return mpp.CodeOK
}

// Publish decides whether a device may post this event.
func Publish(now wall.Time, device, event *record.Fact) mpp.Code {
	switch {
	case device.Body.(*record.Device).Roles&record.Publish == 0:
		return mpp.CodeRefused
	case event.Author.Hash() != device.Body.(*record.Device).Key.Hash(), event.Account != device.Account:
		return mpp.CodeRefused
	case event.Expired(now), event.TooFar(now):
		return mpp.CodeExpired
	}
	return mpp.CodeOK
}

// Watches reports whether an attach fact asks for a channel: one that names
// none asks for all.
func Watches(attach *record.Fact, channel string) bool {
	channels := attach.Body.(*record.Attach).Channels
	if len(channels) == 0 {
		return true
	}
	for _, c := range channels {
		if c == channel {
			return true
		}
	}
	return false
}
