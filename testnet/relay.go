package main

import (
	"io"
	"net"
	"sync"
)

// relay passes TCP connections on to one node, so that two nodes can be cut
// apart while both run.
type relay struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// newRelay listens on a loopback port of its own.
func newRelay(target string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{target: target, listener: l, conns: make(map[net.Conn]struct{})}
	r.wg.Add(1)
	go r.accept()
	return r, nil
}

func (r *relay) accept() {
	defer r.wg.Done()
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		if !r.keep(c) {
			c.Close()
			continue
		}
		r.wg.Add(1)
		go r.pass(c)
	}
}

// pass joins a connection to the target until either side ends.
func (r *relay) pass(c net.Conn) {
	defer r.wg.Done()
	defer r.drop(c)
	out, err := net.Dial("tcp", r.target)
	if err != nil || !r.keep(out) {
		return
	}
	defer r.drop(out)
	done := make(chan struct{}, 2)
	copyTo := func(to, from net.Conn) {
		io.Copy(to, from)
		done <- struct{}{}
	}
	go copyTo(out, c)
	go copyTo(c, out)
	<-done
	c.Close()
	out.Close()
	<-done
}

// keep notes a connection, unless the relay is cut.
func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		c.Close()
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *relay) drop(c net.Conn) {
	c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// setCut ends what passes and lets nothing more through, or lets it again.
func (r *relay) setCut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for c := range r.conns {
			c.Close()
		}
	}
}

func (r *relay) close() {
	r.setCut(true)
	r.listener.Close()
	r.wg.Wait()
}
