package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshpresence/node"
	"meshpresence/testnet/ports"
)

// childEnv makes this test binary a node instead of running tests: its
// childConfig in JSON. The node says on stdout what it is, once it runs and
// again for each line on stdin, and stops when stdin ends.
const childEnv = "MESHPRESENCE_NODE_CHILD"

// childConfig is what a child needs of node.Config.
type childConfig struct {
	State, Listen string
	PeerListen    []string
	Peers         []string
	RealmKey      string
	SyncEvery     time.Duration
}

// identity is what a node is to others, and what it holds.
type identity struct {
	Device string // its address with the fingerprint
	Peers  []string
	Realm  string
	Digest string
}

func childMain(text string) int {
	if err := runChild(text); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	return 0
}

func runChild(text string) error {
	var cfg childConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	ctx := context.Background()
	n, err := node.Start(ctx, node.Config{
		State: cfg.State, Listen: cfg.Listen, PeerListen: cfg.PeerListen, OpenAccounts: true,
		Peers: cfg.Peers, RealmKey: cfg.RealmKey, SyncEvery: cfg.SyncEvery,
	})
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); ; {
		digest, err := n.Digest(ctx)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(identity{n.DeviceAddress(), n.PeerAddresses(), n.Realm(), digest}); err != nil {
			return err
		}
		if !in.Scan() {
			return n.Close()
		}
	}
}

// child is a node in a process of its own, which can be killed and started again
// on the same directory and ports.
type child struct {
	t      *testing.T
	binary string
	cfg    childConfig
	is     identity // as last said

	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// newChild starts a node on a fresh directory from a test binary, "" for this
// one.
func newChild(t *testing.T, binary string) *child {
	t.Helper()
	if binary == "" {
		binary = thisBinary(t)
	}
	return newChildOf(t, binary, childConfig{})
}

// newChildOf is newChild with what cfg says besides directory and ports.
func newChildOf(t *testing.T, binary string, cfg childConfig) *child {
	t.Helper()
	port := ports.Take(t)
	cfg.State, cfg.Listen = filepath.Join(t.TempDir(), "node"), "127.0.0.1:"+port
	cfg.PeerListen = []string{"/ip4/127.0.0.1/tcp/" + port}
	c := &child{t: t, binary: binary, cfg: cfg}
	c.start()
	t.Cleanup(c.kill)
	return c
}

func thisBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// DeviceAddress implements addressed.
func (c *child) DeviceAddress() string { return c.is.Device }

// start runs the node and returns once it serves. From the first start on it
// has the same ports. env adds to its environment.
func (c *child) start(env ...string) {
	c.t.Helper()
	if err := c.try(env...); err != nil {
		c.t.Fatalf("the child node did not say that it runs: %v", err)
	}
	c.cfg.Listen = hostPort(c.is.Device)
	c.cfg.PeerListen = listened(c.is.Peers)
}

// try is start, or tells why the node never said that it serves.
func (c *child) try(env ...string) error {
	c.t.Helper()
	cfg, err := json.Marshal(c.cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.cmd = exec.Command(c.binary)
	c.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1", childEnv+"="+string(cfg))
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.out = json.NewDecoder(out)
	return c.listen()
}

// listen reads what the node says of itself.
func (c *child) listen() error {
	c.is = identity{}
	return c.out.Decode(&c.is)
}

// ask returns what the node is now.
func (c *child) ask() identity {
	c.t.Helper()
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		c.t.Fatal(err)
	}
	if err := c.listen(); err != nil {
		c.t.Fatal(err)
	}
	return c.is
}

// kill ends the process as kill -9 does. It is harmless on a dead one.
func (c *child) kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	c.cmd.Process.Kill()
	c.wait()
}

// wait waits for the process to end and reports whether it ended well.
func (c *child) wait() bool {
	err := c.cmd.Wait()
	c.in.Close()
	return err == nil
}

// stop ends the node as it ends itself.
func (c *child) stop() {
	c.t.Helper()
	c.in.Close()
	if !c.wait() {
		c.t.Fatalf("the child node did not stop well: %v", c.cmd.ProcessState)
	}
}

// hostPort is the part of mpp://host:port/FINGERPRINT that a socket binds.
func hostPort(address string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "mpp://"), "/")
	return host
}

// listened are peer addresses as a node is told to listen on them.
func listened(peers []string) []string {
	var list []string
	for _, p := range peers {
		address, _, _ := strings.Cut(p, "/p2p/")
		list = append(list, address)
	}
	return list
}
