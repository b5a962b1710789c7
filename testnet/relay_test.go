package main

import (
	"io"
	"net"
	"testing"
)

// echo is a server that says again what it hears.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// says writes on a connection and reports whether it comes back.
func says(c net.Conn, text string) bool {
	if _, err := io.WriteString(c, text); err != nil {
		return false
	}
	b := make([]byte, len(text))
	_, err := io.ReadFull(c, b)
	return err == nil && string(b) == text
}

func TestRelay(t *testing.T) {
	r, err := newRelay(echo(t))
	check(t, err)
	t.Cleanup(r.close)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", r.listener.Addr().String())
		check(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	one, two := dial(), dial()
	if !says(one, "hello") || !says(two, "hello too") {
		t.Fatal("nothing passes")
	}
	r.setCut(true)
	if says(one, "still there?") || says(two, "and here?") {
		t.Error("a connection outlives the cut")
	}
	if says(dial(), "let me in") {
		t.Error("a new connection passes while it is cut")
	}
	r.setCut(false)
	if says(one, "still there?") {
		t.Error("a connection that was cut works again")
	}
	if !says(dial(), "hello again") {
		t.Error("nothing passes after it was mended")
	}
}

// A relay to nobody closes what comes, and ends.
func TestRelayToNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	l.Close()
	r, err := newRelay(l.Addr().String())
	check(t, err)
	c, err := net.Dial("tcp", r.listener.Addr().String())
	check(t, err)
	defer c.Close()
	if says(c, "anybody?") {
		t.Error("nobody answered")
	}
	r.close()
}
