package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"time"

	"meshpresence/node"
)

// asHost says that this process is a host.
const asHost = "LAB_HOST"

// Order is what a host is to do; one of its groups is set.
type Order struct {
	// Up names the interface that was moved here; it becomes eth0.
	Up, Address string `json:",omitempty"`
	// Node starts a node.
	Node *Node `json:",omitempty"`
	// Digest asks the node for its digest.
	Digest bool `json:",omitempty"`
	// Stop stops the node.
	Stop bool `json:",omitempty"`
	// Run runs a command that nobody sits at, with Env besides.
	Run, Env []string `json:",omitempty"`
	// Send sends Data to the UDP host:port To.
	To   string `json:",omitempty"`
	Data []byte `json:",omitempty"`
}

// Node is how a host's node is set up.
type Node struct {
	State, RealmKey string
}

// Report is what came of an order.
type Report struct {
	Error   string
	Device  string // the node's address for devices
	Realm   string
	Digest  string
	Code    int // the command's exit code
	Out     string
	ErrText string // what it wrote to standard error
}

const (
	// startLimit bounds a node's start, askLimit what it is asked, and runLimit
	// a command.
	startLimit = time.Minute
	askLimit   = time.Minute
	runLimit   = 3 * time.Minute
)

// Main makes this process a host if it was started as one, and does not return
// then. A TestMain calls it first.
func Main() {
	if os.Getenv(asHost) == "" {
		return
	}
	h := new(host)
	err := h.serve(os.Stdin, os.Stdout)
	if err = errors.Join(err, h.stop()); err != nil {
		fmt.Fprintln(os.Stderr, "host:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// host is the machine itself.
type host struct{ node *node.Node }

// serve does what it is told until the test hangs up.
func (h *host) serve(in io.Reader, out io.Writer) error {
	orders, reports := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o Order
		if err := orders.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading an order: %w", err)
		}
		var r Report
		if err := h.do(o, &r); err != nil {
			r.Error = err.Error()
		}
		if err := reports.Encode(r); err != nil {
			return fmt.Errorf("reporting: %w", err)
		}
	}
}

func (h *host) do(o Order, r *Report) error {
	switch {
	case o.Up != "":
		return up(o.Up, o.Address)
	case o.Node != nil:
		return h.start(*o.Node, r)
	case o.Stop:
		return h.stop()
	case o.Run != nil:
		return run(o.Run, o.Env, r)
	case o.To != "":
		return send(o.To, o.Data)
	case o.Digest && h.node != nil:
		ctx, cancel := context.WithTimeout(context.Background(), askLimit)
		defer cancel()
		var err error
		r.Digest, err = h.node.Digest(ctx)
		return err
	}
	return errors.New("an order that says nothing")
}

// up makes the interface that was moved here the host's own.
func up(name, address string) error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"link", "set", name, "name", "eth0"},
		{"addr", "add", address, "dev", "eth0"}, {"link", "set", "eth0", "up"},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	return nil
}

// start runs a node on the ports that nodes usually have, with nobody named to
// it.
func (h *host) start(n Node, r *Report) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	h.node, err = node.Start(ctx, node.Config{
		State: n.State, RealmKey: n.RealmKey, MDNS: true, OpenAccounts: true, SyncEvery: time.Second,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("state", n.State),
	})
	if err != nil {
		return err
	}
	r.Device, r.Realm = h.node.DeviceAddress(), h.node.Realm()
	return nil
}

func (h *host) stop() error {
	if h.node == nil {
		return nil
	}
	err := h.node.Close()
	h.node = nil
	return err
}

// run runs a command.
func run(args, env []string, r *Report) error {
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r.Out, r.ErrText = out.String(), errs.String()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.Code, err = exit.ExitCode(), nil
	}
	return err
}

func send(to string, data []byte) error {
	c, err := net.Dial("udp", to)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write(data)
	return err
}
