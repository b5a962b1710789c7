package main

import (
	"errors"
	"fmt"
	"strings"

	"meshpresence/discovery"
	"meshpresence/node/admin"
)

// socket is what every verb takes that asks the daemon of this machine.
type socket struct {
	Admin string `placeholder:"SOCKET" help:"The admin socket of presenced; where it usually lies unless given."`
}

// dial finds the daemon of this machine. Without one the error is
// admin.ErrNoDaemon.
func (s *socket) dial() (*admin.Client, error) {
	paths := admin.UsualSockets()
	if s.Admin != "" {
		paths = []string{s.Admin}
	}
	var barred error
	for _, path := range paths {
		c, err := admin.Dial(path)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, admin.ErrNoDaemon) && barred == nil {
			barred = err
		}
	}
	if barred != nil {
		return nil, barred
	}
	return nil, fmt.Errorf("asking the node of this machine at %s: %w", strings.Join(paths, " or "), admin.ErrNoDaemon)
}

// overview finds the daemon of this machine and asks what it is.
func (s *socket) overview(a *app) (*admin.Client, admin.Overview, error) {
	c, err := s.dial()
	if err != nil {
		return nil, admin.Overview{}, err
	}
	view, err := c.Overview(a.ctx)
	if err == nil && len(view.DeviceAddresses) == 0 {
		err = errors.New("asking the node of this machine: it has no address for devices")
	}
	return c, view, err
}

// locally gives a node's address as it is reached from its own machine, when
// that is the node of an overview: by its fingerprint, or without one by the
// port and a host that is this machine's. No address at all is that node too.
func locally(node string, view admin.Overview) (address string, same bool) {
	if node == "" {
		return view.DeviceAddresses[0], true
	}
	at, err := discovery.ParseAddress(node)
	if err != nil {
		return node, false
	}
	if at.Fingerprint != "" {
		return node, at.Fingerprint == view.Fingerprint
	}
	for _, d := range view.DeviceAddresses {
		own, err := discovery.ParseAddress(d)
		if err != nil || own.Port != at.Port {
			continue
		}
		if own.Host == at.Host || isLoopback(at) {
			at.Fingerprint = view.Fingerprint
			return at.String(), true
		}
	}
	return node, false
}

// isLoopback reports whether an address stays on this machine.
func isLoopback(at discovery.Address) bool {
	ip, ok := at.IP()
	return at.Host == "localhost" || ok && ip.IsLoopback()
}
