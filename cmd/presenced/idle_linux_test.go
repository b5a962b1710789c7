package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node"
	"meshpresence/node/store"
)

// idleBound is what an idle node with idleFacts facts may keep in memory, KiB.
const (
	idleBound = 96 << 10
	idleFacts = 10_000
)

// A household's machine is small: the daemon, idle, with ten thousand facts.
func TestIdleMemory(t *testing.T) {
	if os.Getenv("MESHPRESENCE_SLOW") == "" {
		t.Skip("builds and runs the daemon; set MESHPRESENCE_SLOW=1")
	}
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	fillStore(t, state)
	binary := filepath.Join(dir, "presenced")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "--state", state, "--listen", "127.0.0.1:0", "--peer-listen", "/ip4/127.0.0.1/tcp/0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "device address:") {
	}
	rss := residentKiB(t, cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	t.Logf("%d KiB resident with %d facts", rss, idleFacts)
	if rss > idleBound {
		t.Errorf("%d KiB resident with %d facts, want at most %d", rss, idleFacts, idleBound)
	}
}

// fillStore makes a node's state with ten accounts of a thousand facts.
func fillStore(t *testing.T, state string) {
	t.Helper()
	n, err := node.Start(t.Context(), node.Config{State: state, Listen: "127.0.0.1:0", PeerListen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	self, err := key.LoadNode(filepath.Join(state, "keys", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	realm, err := key.LoadRealm(filepath.Join(state, "keys", "realm.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(state, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const accounts = 10
	for range accounts {
		if err := s.Commit(t.Context(), store.Batch{Put: accountFacts(t, self, realm.Author().Hash(), idleFacts/accounts)}); err != nil {
			t.Fatal(err)
		}
	}
}

// accountFacts are count facts of one account: host, device, and events.
func accountFacts(t *testing.T, self *key.Node, realm key.Hash, count int) []*record.Fact {
	account, err := key.NewAccount()
	if err != nil {
		t.Fatal(err)
	}
	device, err := key.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	now := wall.Of(time.Now())
	sign := func(by key.Signer, realm key.Hash, body record.Body) *record.Fact {
		base := record.Base{Serial: 1, Time: now, Account: account.Author().Hash()}
		if life := record.Life(body.Kind()); life > 0 {
			base.Expires = now.Add(life)
		}
		f, err := record.Sign(by, realm, base, body)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	facts := []*record.Fact{
		sign(self, realm, &record.Host{}),
		sign(account, key.Hash{}, &record.Device{Key: device.Author(), Agreement: static.Public(), Roles: record.Watch | record.Publish}),
	}
	for n := len(facts); n < count; n++ {
		sequence := int64(n - 1)
		facts = append(facts, sign(device, key.Hash{}, &record.Event{Channel: "main", Sequence: sequence, Oldest: 1, Payload: make([]byte, 200)}))
	}
	return facts
}

// residentKiB reads a process's resident memory.
func residentKiB(t *testing.T, pid int) (kib int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "VmRSS:") {
			fmt.Sscanf(strings.TrimPrefix(line, "VmRSS:"), "%d", &kib)
		}
	}
	return kib
}
