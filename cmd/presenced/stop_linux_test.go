package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meshpresence/node/admin"
	"meshpresence/node/client"
)

// childEnv makes the test binary the daemon itself.
const childEnv = "PRESENCED_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process starts the daemon as a process of its own and waits until it is ready.
func process(t *testing.T, args ...string) (*exec.Cmd, ready, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	errs := new(bytes.Buffer)
	cmd := exec.Command(self, append([]string{"--json", "--listen=127.0.0.1:0", "--peer-listen=/ip4/127.0.0.1/tcp/0", "--no-mdns"}, args...)...)
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"=1"), errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	var r ready
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		t.Fatalf("the daemon did not become ready: %v: %s", err, line)
	}
	return cmd, r, errs
}

// "The daemon on SIGTERM closes within 5 s", with a device that watches and
// another node beside it.
func TestSIGTERM(t *testing.T) {
	dir := t.TempDir()
	cmd, a, errs := process(t, "--state", filepath.Join(dir, "a"), "--accounts", "open")
	second := start(t, "--state", filepath.Join(dir, "b"), "--json", "--realm-key", *a.RealmKey, "--peer", a.PeerAddresses[0])
	b := second.ready(t)
	members(t, *b.Admin)
	watching(t, filepath.Join(dir, "phone"), a.DeviceAddresses[0])
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	switch {
	case err == nil:
	case strings.Contains(errs.String(), "stopping took longer"):
		t.Logf("this machine was too busy to tell: %v", err)
	default:
		t.Errorf("SIGTERM: %v, said\n%s", err, errs)
	}
	if _, err := admin.Dial(*a.Admin); err == nil {
		t.Error("its socket answers still")
	}
	if code := second.end(); code != exitOK {
		t.Errorf("the other node: exit %d, said\n%s", code, second.stderr)
	}
}

// watching attaches a new account's device to a node until the test ends.
func watching(t *testing.T, dir, node string) {
	t.Helper()
	p, err := client.NewProfile(dir, "phone")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(p, client.Config{Node: node, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.CreateAccount(testContext(t), nil, ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range c.Watch(ctx) {
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	if err := c.Attached(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// A stop that hangs is ended, and says so.
func TestStopThatHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	exited := make(chan int, 1)
	var errs bytes.Buffer
	killLater(ctx, 0, &errs, func(code int) { exited <- code })
	cancel()
	if code := <-exited; code != exitError || !strings.Contains(errs.String(), "stopping took longer") {
		t.Errorf("exit %d, said %s", code, &errs)
	}
}
