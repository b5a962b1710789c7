package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshpresence/node/client"
	"meshpresence/testnet/hostile"
)

// tapped is a testnet whose devices reach the nodes through counting taps, and
// in no other way: the taps and the devices' sockets are IPv6, the nodes' ports
// IPv4, so no datagram gets past a tap.
type tapped struct {
	*testnet
	t    *testing.T
	taps map[string]*hostile.UDPTap // by device
}

func newTapped(t *testing.T) *tapped {
	t.Helper()
	if c, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 loopback to keep devices and nodes apart: %v", err)
	} else {
		c.Close()
	}
	n := &tapped{&testnet{dir: t.TempDir(), log: logTo(t)}, t, make(map[string]*hostile.UDPTap)}
	t.Cleanup(n.close)
	for _, name := range []string{"A", "B", "C"} {
		check(t, n.addSite(testContext(t), name))
	}
	check(t, n.awaitRealm(testContext(t)))
	n.phone = n.device("phone", n.sites[0])
	check(t, n.phone.found(testContext(t), n.sites[0]))
	n.laptop = n.join("laptop", n.sites[1])
	n.tablet = n.join("tablet", n.sites[2])
	return n
}

// device dials a fresh device through a tap in front of a site.
func (n *tapped) device(name string, at *site) *device {
	n.t.Helper()
	p, err := client.NewProfile(filepath.Join(n.dir, name), name)
	check(n.t, err)
	return n.dialTapped(p, name, at)
}

// join makes a device of the phone's account that watches.
func (n *tapped) join(name string, at *site) *device {
	n.t.Helper()
	p, err := client.NewProfile(filepath.Join(n.dir, name), name)
	check(n.t, err)
	inv, err := n.phone.client.AddDevice(testContext(n.t), p.Card(), client.RoleWatch, nil)
	check(n.t, err)
	check(n.t, p.Join(inv))
	d := n.dialTapped(p, name, at)
	check(n.t, d.watch(testContext(n.t)))
	return d
}

func (n *tapped) dialTapped(p *client.Profile, name string, at *site) *device {
	n.t.Helper()
	address := at.node.DeviceAddress()
	tap, err := hostile.NewUDPTap("[::1]:0", netip.MustParseAddrPort(hostPort(address)))
	check(n.t, err)
	n.t.Cleanup(tap.Close)
	n.taps[name] = tap
	c, err := client.Dial(p, client.Config{
		Node: "mpp://" + tap.Addr().String() + address[strings.LastIndex(address, "/"):],
		// A device that is silent for three of these tries other nodes, all of
		// which are beyond its reach.
		Heartbeat: time.Minute, Listen: "[::1]:0", Log: n.log.With("device", name),
	})
	check(n.t, err)
	return &device{name: name, client: c, net: n.testnet}
}

// toDevice counts the datagrams that the node sent to a device.
func (n *tapped) toDevice(name string) (count int) {
	tap := n.taps[name]
	for _, p := range tap.Packets() {
		if p.From == tap.Target() && !p.Stopped {
			count++
		}
	}
	return count
}

// tried waits until the node has sent something that a device's tap stopped.
func (n *tapped) tried(name string, from func(p hostile.Packet) bool) {
	n.t.Helper()
	until(n.t, "a packet at the tap of the "+name+" was stopped", func() bool {
		for _, p := range n.taps[name].Packets() {
			if p.Stopped && from(p) {
				return true
			}
		}
		return false
	})
}

// Devices reach nodes only over UDP: what is delivered passes as datagrams, and
// where no datagram passes nothing is delivered.
func TestDeliveriesAreDatagrams(t *testing.T) {
	n := newTapped(t)
	r := &round{net: n.testnet, ledger: newLedger("", func(delivery) {}), out: newReport(io.Discard, false)}
	n.laptop.onEvent(r.ledger.saw)
	n.tablet.onEvent(r.ledger.saw)
	post := func(to ...*device) {
		t.Helper()
		receipt, err := r.post(testContext(t), client.Post{})
		check(t, err)
		r.ledger.expect(receipt.Hash, to...)
	}
	complete := func() {
		t.Helper()
		if !r.ledger.complete(testContext(t)) {
			t.Fatalf("missing: %v", r.ledger.sum())
		}
	}
	got := func(d *device) (count int) {
		r.ledger.mu.Lock()
		defer r.ledger.mu.Unlock()
		for w, times := range r.ledger.got {
			if w.device == d.name {
				count += times
			}
		}
		return count
	}

	// Each delivery comes with a datagram.
	for range 5 {
		laptop, tablet := n.toDevice("laptop"), n.toDevice("tablet")
		post(n.laptop, n.tablet)
		complete()
		if n.toDevice("laptop") == laptop || n.toDevice("tablet") == tablet {
			t.Error("a delivery without a datagram")
		}
	}

	// None passes to the laptop: the node tries, and nothing is delivered there.
	n.taps["laptop"].Shut()
	passed := n.toDevice("laptop")
	for range 5 {
		post(n.tablet)
	}
	complete()
	n.tried("laptop", func(p hostile.Packet) bool { return p.From == n.taps["laptop"].Target() })
	if got(n.laptop) != 5 || n.toDevice("laptop") != passed {
		t.Errorf("the laptop got %d events through a shut tap", got(n.laptop)-5)
	}

	// None passes from the phone: nobody hears what it posts.
	n.taps["phone"].Shut()
	posted := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		receipt, err := r.post(ctx, client.Post{})
		if err == nil {
			r.ledger.expect(receipt.Hash, n.laptop, n.tablet)
		}
		posted <- err
	}()
	n.tried("phone", func(p hostile.Packet) bool { return p.To == n.taps["phone"].Target() })
	if got(n.tablet) != 10 || len(posted) > 0 {
		t.Errorf("a post got out of a shut tap: the tablet has %d events", got(n.tablet))
	}

	// What was held back comes once the taps are open, each once.
	r.ledger.mu.Lock()
	for w := range r.ledger.wants {
		r.ledger.wants[want{n.laptop.name, w.hash}] = true
	}
	r.ledger.mu.Unlock()
	n.taps["phone"].Pass(nil)
	n.taps["laptop"].Pass(nil)
	check(t, <-posted)
	complete()
	if s := r.ledger.sum(); !s.good() || s.Wanted != 22 {
		t.Errorf("at the end: %v", s)
	}
}
