package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/node/admin"
	"meshpresence/node/store"
)

// healthy starts a node with an admin socket, and returns the client of it.
func healthy(t *testing.T) (*Node, *admin.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "adm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	n, err := Start(within(t), Config{
		State: filepath.Join(dir, "s"), Listen: "127.0.0.1:0", PeerListen: []string{"/ip4/127.0.0.1/tcp/0"},
		Admin: filepath.Join(dir, admin.SocketName), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	c, err := admin.Dial(n.cfg.Admin)
	if err != nil {
		t.Fatal(err)
	}
	return n, c
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// hold holds the loop until the function it returns is called.
func hold(n *Node) (release func()) {
	held, over := make(chan struct{}), make(chan struct{})
	n.post(func(time.Time) { close(held); <-over })
	<-held
	return func() { close(over) }
}

// "503 draining or unhealthy" (mpp.md, Status codes).
func TestHealthWhileStopping(t *testing.T) {
	n, c := healthy(t)
	if err := c.Health(within(t)); err != nil {
		t.Fatal(err)
	}
	release := hold(n) // Close waits for the loop
	closed := make(chan error, 1)
	go func() { closed <- n.Close() }()
	<-n.stop
	var refusal *admin.Refusal
	if err := c.Health(within(t)); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || refusal.Text != admin.ErrStopping.Error() {
		t.Errorf("health while it stops: %v", err)
	}
	if _, err := c.Invite(within(t)); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("a code while it stops: %v", err)
	}
	release()
	if err := <-closed; err != nil {
		t.Errorf("closing: %v", err)
	}
	if err := c.Health(within(t)); !errors.Is(err, admin.ErrNoDaemon) {
		t.Errorf("health afterwards: %v", err)
	}
}

func TestHealthOfALoopThatHangs(t *testing.T) {
	n, _ := healthy(t)
	defer hold(n)()
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	if err := (operator{n}).Health(ctx); err == nil || errors.Is(err, admin.ErrStopping) {
		t.Errorf("health: %v", err)
	}
}

func TestHealthOfAFullDisk(t *testing.T) {
	n, c := healthy(t)
	written := make(chan struct{})
	n.post(func(now time.Time) { // behind what the start wrote
		n.commit(now, false, func(time.Time, error) { close(written) })
	})
	<-written
	n.do(within(t), func(now time.Time) { n.saved(now, nil, store.ErrFull) })
	var refusal *admin.Refusal
	if err := c.Health(within(t)); !errors.As(err, &refusal) || refusal.Text != "writing the store: "+store.ErrFull.Error() {
		t.Errorf("health with a full disk: %v", err)
	}
	n.do(within(t), func(now time.Time) { n.saved(now, nil, nil) })
	if err := c.Health(within(t)); err != nil {
		t.Errorf("health with room again: %v", err)
	}
}
