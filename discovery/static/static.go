// Package static is the discovery source of configured addresses: those typed,
// from the environment, from a profile or from a contact. Host names are looked
// up when asked, so a node that moves under one name is found again.
package static

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"meshpresence/discovery"
)

// Name is the source's name in its candidates.
const Name = "static"

// maxPerHost bounds the addresses taken of one name: a hostile DNS answer could
// hold hundreds, each of which would be dialled.
const maxPerHost = 8

// Lookup gives the IP addresses of a host name, best first; network is "ip",
// "ip4" or "ip6". (*net.Resolver).LookupNetIP is one.
type Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// Source resolves a fixed list of addresses. It is safe for concurrent use.
type Source struct {
	addresses []discovery.Address
	lookup    Lookup
}

// New makes a source of addresses, the preferred first. A nil lookup is the
// system's resolver.
func New(addresses []discovery.Address, lookup Lookup) *Source {
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	return &Source{addresses: slices.Clone(addresses), lookup: lookup}
}

// Resolve implements discovery.Resolver. An address without a fingerprint may be
// any node, so it is a candidate for every one. A name that cannot be looked up
// is an error only if no other address gives a candidate.
func (s *Source) Resolve(ctx context.Context, fingerprint string) ([]discovery.Candidate, error) {
	var found []discovery.Candidate
	var failed []error
	for _, a := range s.addresses {
		if fingerprint != "" && a.Fingerprint != "" && a.Fingerprint != fingerprint {
			continue
		}
		ips, err := s.resolve(ctx, a)
		if err != nil {
			failed = append(failed, err)
		}
		for _, ip := range ips {
			c := discovery.Candidate{Addr: netip.AddrPortFrom(ip, a.Port), Fingerprint: a.Fingerprint, Source: Name}
			if !slices.Contains(found, c) {
				found = append(found, c)
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, errors.Join(failed...)
}

// resolve gives the IP addresses of one node address.
func (s *Source) resolve(ctx context.Context, a discovery.Address) ([]netip.Addr, error) {
	if ip, ok := a.IP(); ok {
		return []netip.Addr{ip}, nil
	}
	ips, err := s.lookup(ctx, "ip", a.Host)
	if err != nil {
		return nil, fmt.Errorf("looking up node host %s: %w", a.Host, err)
	}
	ips = slices.Clone(ips[:min(len(ips), maxPerHost)])
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	return ips, nil
}
