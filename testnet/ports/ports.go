// Package ports gives tests ports at which a node can be started again: port 0
// takes one that anything else may be given while the node is down.
package ports

import (
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
)

const (
	// first to last lie below what kernels give to those who ask for port 0
	// (32768 on Linux, 49152 elsewhere).
	first, last = 10000, 32767
	// shares is how many test programs at once have ports of their own.
	shares = 32
	share  = (last - first + 1) / shares
)

var (
	mu    sync.Mutex
	taken = make(map[int]bool)
	next  int
)

// Take returns a port of loopback that is free for UDP and TCP and that no other
// test of this program gets before this one ends. It is safe for concurrent use.
func Take(t testing.TB) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	base := first + os.Getpid()%shares*share
	for range share {
		port := base + next%share
		next++
		if taken[port] || !free(port) {
			continue
		}
		taken[port] = true
		t.Cleanup(func() {
			mu.Lock()
			delete(taken, port)
			mu.Unlock()
		})
		return strconv.Itoa(port)
	}
	t.Fatalf("no port from %d to %d is free", base, base+share-1)
	return ""
}

// free reports whether nobody listens at a port.
func free(port int) bool {
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	u, err := net.ListenPacket("udp", at)
	if err != nil {
		return false
	}
	defer u.Close()
	l, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	return l.Close() == nil
}
