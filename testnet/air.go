package main

import (
	"net/netip"
	"sync"

	"meshpresence/node/client"
)

// fullPacket is the length of the packets that a long datagram is cut into, but
// for the last.
const fullPacket = 1200

// air is the networks that a device can be in: each of its sockets is in another.
// It can take the one away that the device is in.
type air struct {
	mu    sync.Mutex
	lanes []*lane
	left  int           // full packets to come until the network goes away
	gone  chan struct{} // closed then; nil while nothing is planned
}

// lane is a socket of the device.
type lane struct {
	client.Port
	air  *air
	dead bool // guarded by air.mu
}

// open implements client.Config.Ports.
func (a *air) open(addr string) (client.Port, error) {
	p, err := client.OpenPort(addr)
	if err != nil {
		return nil, err
	}
	l := &lane{Port: p, air: a}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lanes = append(a.lanes, l)
	return l, nil
}

// goAwayAfter plans that the network goes away after so many full packets came, and
// returns what is closed then.
func (a *air) goAwayAfter(packets int) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left, a.gone = packets, make(chan struct{})
	return a.gone
}

// comes reports whether a packet comes through. The caller holds a.mu.
func (l *lane) comes(packet []byte) bool {
	a := l.air
	if l.dead || a.gone == nil || len(packet) < fullPacket {
		return !l.dead
	}
	if a.left--; a.left >= 0 {
		return true
	}
	for _, o := range a.lanes {
		o.dead = true
	}
	close(a.gone)
	a.gone = nil
	return false
}

// ReadBatch leaves out what comes when the network is gone.
func (l *lane) ReadBatch(b *client.Batch) (int, error) {
	for {
		if _, err := l.Port.ReadBatch(b); err != nil {
			return 0, err
		}
		l.air.mu.Lock()
		n := 0
		for _, m := range b.Messages[:b.N] {
			if l.comes(m.Data) {
				b.Messages[n] = m
				n++
			}
		}
		l.air.mu.Unlock()
		if b.N = n; n > 0 {
			return n, nil
		}
	}
}

// Send drops what leaves when the network is gone.
func (l *lane) Send(to netip.AddrPort, packet []byte) {
	l.air.mu.Lock()
	dead := l.dead
	l.air.mu.Unlock()
	if !dead {
		l.Port.Send(to, packet)
	}
}
