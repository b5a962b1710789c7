package mdns

import (
	"context"
	"slices"
	"time"

	"meshpresence/discovery"
)

// Name is the source's name in its candidates.
const Name = "mdns"

// Resolver finds nodes on the local network. Its zero value is ready to use;
// its fields must not change once it is used.
type Resolver struct {
	Interfaces []string      // as Config's
	Wait       time.Duration // how long to listen; 0 = DefaultWait
}

var _ discovery.Resolver = (*Resolver)(nil)

// Resolve implements discovery.Resolver. Looking for any node, it listens for
// all of Wait, since there may be several; looking for one, until that is heard.
// The candidates of a node stand together, nodes in the order of their
// fingerprints.
func (r *Resolver) Resolve(ctx context.Context, fingerprint string) ([]discovery.Candidate, error) {
	wait := r.Wait
	if wait == 0 {
		wait = DefaultWait
	}
	ctx, enough := context.WithTimeout(ctx, wait)
	defer enough()
	nodes := make(map[string]Entry)
	err := Browse(ctx, Config{Interfaces: r.Interfaces}, func(e Entry) {
		switch {
		case fingerprint != "" && e.Fingerprint != fingerprint:
		case e.Gone:
			delete(nodes, e.Fingerprint)
		default:
			nodes[e.Fingerprint] = e
			if fingerprint != "" {
				enough()
			}
		}
	})
	return candidates(nodes), err
}

func candidates(nodes map[string]Entry) []discovery.Candidate {
	var fingerprints []string
	for f := range nodes {
		fingerprints = append(fingerprints, f)
	}
	slices.Sort(fingerprints)
	var list []discovery.Candidate
	for _, f := range fingerprints {
		for _, at := range nodes[f].Addrs {
			list = append(list, discovery.Candidate{Addr: at, Fingerprint: f, Source: Name})
		}
	}
	return list
}
