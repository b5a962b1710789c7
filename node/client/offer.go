package client

import (
	"context"
	"errors"
	"time"
)

// errNotYet stands where a verb is not written yet.
var errNotYet = errors.New("not offered by this build")

// Newcomer is who uses a code: what the inviter's person compares with the
// newcomer's screen.
type Newcomer struct {
	// Name is what it calls itself: its own word, nothing more.
	Name string
	// Fingerprint is the UDF of the key that it shows to its person.
	Fingerprint string
	// ID is the hash of its signing key: its name in facts.
	ID string
}

// Offer is one code that waits for a newcomer. Its methods are safe for
// concurrent use; one goroutine waits at a time.
type Offer struct{}

// Code is the code to type, eight groups of four.
func (o *Offer) Code() string { return "" }

// Text is the code with the address and the fingerprint of the node that relays
// it, to be pasted: mpp-join:CODE@host:port/FINGERPRINT.
func (o *Offer) Text() string { return "" }

// Expires is when the code ends by itself.
func (o *Offer) Expires() time.Time { return time.Time{} }

// Wait returns who proved that it has the code.
func (o *Offer) Wait(ctx context.Context) (Newcomer, error) { return Newcomer{}, errNotYet }

// Accept lets in whom Wait returned.
func (o *Offer) Accept(ctx context.Context) error { return errNotYet }

// Refuse turns away whom Wait returned; the code is used up.
func (o *Offer) Refuse(ctx context.Context) error { return errNotYet }

// Close withdraws the code.
func (o *Offer) Close() error { return errNotYet }

// InviteDevice makes a code that lets one device join the account.
func (c *Client) InviteDevice(ctx context.Context, roles Roles, passphrase []byte) (*Offer, error) {
	return nil, errNotYet
}
