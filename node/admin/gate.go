package admin

import (
	"net"
	"sync"
)

// maxConns is how many connections are open at once. A script in a loop, or
// whoever opens and never asks, cannot take the daemon's file descriptors; past
// it a new connection is closed at once, and the slow ones end by themselves.
const maxConns = 32

// gate lets through who may ask, while there is room.
type gate struct {
	net.Listener
	owner int // the daemon's user

	mu   sync.Mutex
	free int // guarded by mu
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if mayAsk(conn, g.owner) && g.enter() {
			return &guest{Conn: conn, gate: g}, nil
		}
		conn.Close()
	}
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free == 0 {
		return false
	}
	g.free--
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
}

// guest is a connection that gives its place back once.
type guest struct {
	net.Conn
	gate *gate
	once sync.Once
}

// Close implements net.Conn.
func (c *guest) Close() error {
	c.once.Do(c.gate.leave)
	return c.Conn.Close()
}
