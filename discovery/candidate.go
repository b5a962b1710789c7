package discovery

import (
	"context"
	"errors"
	"net/netip"
)

// Candidate is an endpoint at which a node may answer. It is a claim of its
// source: whoever dials compares the fingerprint with the key that answers.
type Candidate struct {
	Addr        netip.AddrPort // never IPv4-mapped
	Fingerprint string         // as in Address; "" when the source does not know it
	Source      string         // the name of the source, for people: "static", "mdns"
}

// Resolver is a source of candidates.
//
// Resolve finds where the node with the given fingerprint may answer, or any
// node when fingerprint is "". It returns the best candidates first; none and
// no error means that the source knows of none. It may be called by several
// goroutines and returns soon after ctx is done.
type Resolver interface {
	Resolve(ctx context.Context, fingerprint string) ([]Candidate, error)
}

// ErrNone says that no source knows of a node.
var ErrNone = errors.New("no node found")
