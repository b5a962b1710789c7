package lab_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meshpresence/testnet/lab"
)

// runDir is where this run keeps everything, made when first wanted.
var runDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "meshpresence-lab-") })

// binaries are presenced and presence, built once a run.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := runDir()
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+"/", "meshpresence/cmd/presence", "meshpresence/cmd/presenced").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the programs: %w: %s", err, out)
	}
	return dir, nil
})

// commit says what is tested, for the line that repeats a failure.
var commit = sync.OnceValue(func() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
})

// sweep removes what the run kept, also when somebody ends it by Ctrl-C: network
// namespaces and programs go with the process.
func sweep() (finish func()) {
	clean := func() {
		if dir, err := runDir(); err == nil {
			os.RemoveAll(dir)
		}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		select {
		case <-signals:
			clean()
			os.Exit(130)
		case <-stopped:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(stopped)
		clean()
	}
}

// Addresses of scenes. Strangers come from the network that RFC 2544 sets
// aside.
var (
	nodeAddr  = netip.MustParseAddr("10.77.0.1")
	nodeAddr6 = netip.MustParseAddr("fd77::1")
	strangers = netip.MustParsePrefix("198.18.0.0/15")
	// one /48, of the documentation's network
	strangers6 = netip.MustParsePrefix("2001:db8:77::/48")
)

// sceneLimit bounds a scenario, on a machine that is busy.
const sceneLimit = 4 * time.Minute

// scene is a node in the middle of a Cloud.
type scene struct {
	t     *testing.T
	ctx   context.Context
	seed  uint64
	dir   string
	cloud *lab.Cloud
	node  *lab.Daemon
	wire  *lab.Wire // the node's
	hosts int
	// how often an attacker finished
	finishes int
}

// newScene says why the scenario cannot run, or how to repeat it, and starts the
// node.
func newScene(t *testing.T, needs ...string) *scene {
	t.Helper()
	if os.Getenv("MESHPRESENCE_LAB") == "" {
		t.Skip("SKIP: makes network namespaces: set MESHPRESENCE_LAB=1, as root")
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIP: makes network namespaces and TUN interfaces: needs root")
	}
	for _, tool := range append([]string{"ip"}, needs...) {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIP: there is no command %s: %v", tool, err)
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("SKIP: no TUN interfaces: %v", err)
	}
	s := &scene{t: t, seed: seed(t)}
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithTimeout(t.Context(), sceneLimit)
	t.Cleanup(cancel)
	s.dir = filepath.Join(must(runDir()), t.Name())
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.cloud = s.newCloud()
	m, err := lab.NewMachine("node")
	if err != nil {
		t.Skipf("SKIP: no network namespace: %v", err)
	}
	t.Cleanup(m.Close)
	if s.wire, err = s.cloud.Connect(m, "eth0", nodeAddr, nodeAddr6); err != nil {
		t.Skipf("SKIP: no TUN interface: %v", err)
	}
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	if s.node, err = lab.StartDaemon(s.ctx, m, bin, filepath.Join(s.dir, "node"), "--log-level", "debug"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the node said:\n%.20000s", s.node.Err.String())
		}
	})
	return s
}

// seed is that of MESHPRESENCE_SEED, or of now.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano() % 1_000_000)
	if text := os.Getenv("MESHPRESENCE_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("MESHPRESENCE_SEED: %v", err)
		}
	}
	t.Logf("seed=%d commit=%s scenario=%s, to repeat:\nMESHPRESENCE_LAB=1 MESHPRESENCE_SEED=%d go test -count=1 -v -run '^%s$' ./testnet/lab",
		n, commit(), t.Name(), n, t.Name())
	return n
}

// newCloud makes one more network.
func (s *scene) newCloud() *lab.Cloud {
	c := lab.NewCloud(s.seed)
	s.t.Cleanup(c.Close)
	return c
}

// device is a machine with the tool, and its wire.
type device struct {
	*lab.Device
	s    *scene
	wire *lab.Wire
	addr netip.Addr // its first
}

// machine makes a machine that the scene's end closes.
func (s *scene) machine(name string) *lab.Machine {
	s.t.Helper()
	m, err := lab.NewMachine(name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(m.Close)
	return m
}

// device connects a device to the node's network, at an address of its own.
func (s *scene) device(name string) *device {
	s.t.Helper()
	s.hosts++
	return s.deviceAt(name, s.cloud, netip.AddrFrom4([4]byte{10, 77, 1, byte(s.hosts)}))
}

func (s *scene) deviceAt(name string, c *lab.Cloud, addrs ...netip.Addr) *device {
	s.t.Helper()
	m := s.machine(name)
	w, err := c.Connect(m, "eth0", addrs...)
	if err != nil {
		s.t.Fatal(err)
	}
	return &device{lab.NewDevice(m, must(binaries()), filepath.Join(s.dir, name), s.node.At(nodeAddr)), s, w, addrs[0]}
}

// run runs the tool, which has to end well.
func (d *device) run(args ...string) lab.Result {
	d.s.t.Helper()
	r, err := d.Run(d.s.ctx, args...)
	if err != nil || r.Code != 0 {
		d.s.t.Fatalf("%s: presence %q: exit %d, %v\n%s%s", d.Name, args, r.Code, err, r.Out, r.Err)
	}
	return r
}

// begin starts the tool, which goes on.
func (d *device) begin(args ...string) *lab.Process {
	d.s.t.Helper()
	p, err := d.Begin(args...)
	if err != nil {
		d.s.t.Fatal(err)
	}
	return p
}

// says waits until a program has printed something.
func (s *scene) says(p *lab.Process, text string) {
	s.t.Helper()
	if _, err := p.Out.Await(s.ctx, func(out string) bool { return strings.Contains(out, text) }); err != nil {
		s.t.Fatalf("%s: waiting until it prints %q: %v\n%s%s", p, text, err, p.Out.String(), p.Err.String())
	}
}

// eventually waits for a condition that has no signal.
func (s *scene) eventually(what string, ok func() bool) {
	s.t.Helper()
	s.looks(10*time.Millisecond, what, ok)
}

// looks is eventually for what is not to be asked often.
func (s *scene) looks(every time.Duration, what string, ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.t.Fatalf("waiting until %s: it did not come", what)
		}
	}
}
