package admin

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stale leaves a socket as a killed daemon does.
func stale(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSocketIsItsOwners(t *testing.T) {
	path := filepath.Join(shortDir(t), SocketName)
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
}

func TestTakesADeadDaemonsPlace(t *testing.T) {
	path := stale(t, shortDir(t))
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(&fake{}, NewMetrics("", time.Now()), quiet())
	defer s.Close()
	if err := dial(t, path).Health(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestLeavesALiveDaemonAlone(t *testing.T) {
	path := serve(t, &fake{})
	if _, err := Listen(path); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "--admin") {
		t.Errorf("listening beside a live daemon: %v", err)
	}
	if err := dial(t, path).Health(testContext(t)); err != nil {
		t.Errorf("the live one afterwards: %v", err)
	}
}

func TestNoPlaceForASocket(t *testing.T) {
	dir := shortDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a file":   file,
		"too long": filepath.Join(dir, strings.Repeat("x", maxPath)),
	} {
		if _, err := Listen(path); !errors.Is(err, ErrPath) || !strings.Contains(err.Error(), "--admin") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, _ := os.ReadFile(file); string(b) != "mine" {
		t.Error("the file in the way was touched")
	}
	if _, err := Listen(filepath.Join(dir, "none", "x")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--admin") {
		t.Errorf("no directory: %v", err)
	}
	longest := filepath.Join(dir, strings.Repeat("x", maxPath-len(dir)-1))
	s, err := Listen(longest)
	if err != nil {
		t.Fatalf("the longest path that fits: %v", err)
	}
	s.Close()
}

// Attack: a flood of connections that never ask.
func TestFlood(t *testing.T) {
	path := serve(t, &fake{})
	var held []net.Conn
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	for range maxConns {
		held = append(held, asked(t, path))
	}
	one, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	one.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := one.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("connection %d was kept: %v", maxConns+1, err)
	}
	// One that goes gives its place to the next.
	held[0].Close()
	ctx := testContext(t)
	for dial(t, path).Health(ctx) != nil {
		if ctx.Err() != nil {
			t.Fatal("no place became free")
		}
	}
}

// asked is a connection that got an answer and stays, so that it surely counts.
func asked(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", resp, err)
	}
	return conn
}

// pipes is a listener of connections in memory, which a synctest bubble likes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.done)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// Attack: a request that never ends, and one that never begins.
func TestSlowRequestsEnd(t *testing.T) {
	for name, start := range map[string]string{
		"says nothing":     "",
		"half a line":      "GET /hea",
		"half a header":    "GET /health HTTP/1.1\r\nHost: x\r\nX-",
		"a body, promised": "POST /invite HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				s := &Server{listener: l}
				s.Serve(&fake{}, NewMetrics("", time.Now()), quiet())
				defer s.Close()
				client, server := net.Pipe()
				l.conns <- server
				io.WriteString(client, start)
				before := time.Now()
				io.Copy(io.Discard, client) // until the server closes
				if took := time.Since(before); took > idleWithin {
					t.Errorf("it was held for %v", took)
				}
			})
		})
	}
}

// Attack: a header that fills the memory.
func TestHugeRequestsEnd(t *testing.T) {
	path := serve(t, &fake{})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n")
	line := "X-Fill: " + strings.Repeat("x", 1024) + "\r\n"
	for range 1024 {
		if _, err = io.WriteString(conn, line); err != nil {
			break
		}
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a megabyte of header was read: %v", err)
	}
}
