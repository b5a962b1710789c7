package node_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/node/client"
)

// silent opens a device that would find out by itself in ten hours.
func silent(t *testing.T, p *client.Profile, n addressed) *client.Client {
	t.Helper()
	c, err := client.Dial(p, client.Config{
		Node: n.DeviceAddress(), Heartbeat: 10 * time.Hour, Listen: "127.0.0.1:0", Log: logTo(t, p.Name()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// awaitRemnant waits until the node has written down what its devices watch on.
func awaitRemnant(t *testing.T, state string) {
	t.Helper()
	for ctx := testContext(t); ; wait(t, ctx) {
		if _, err := os.Stat(filepath.Join(state, "remnants")); err == nil {
			return
		}
	}
}

// "After a restart it sends each stored endpoint, jittered, one packet": devices
// whose heartbeat is hours away are served again, whether the node was stopped or
// killed.
func TestDevicesHearOfARestart(t *testing.T) {
	t.Parallel()
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
		n := start(t, cfg)
		phone := account(t, "phone", n)
		laptop := invited(t, phone, "laptop", client.RoleWatch)
		w := watch(t, silent(t, laptop, n))
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		start(t, pinned(cfg, n))
		publish(t, phone, "after")
		w.want("after")
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		n := newChild(t, "")
		phone := account(t, "phone", n)
		laptop := invited(t, phone, "laptop", client.RoleWatch)
		w := watch(t, silent(t, laptop, n))
		awaitRemnant(t, n.cfg.State)
		n.kill()
		n.start()
		publish(t, phone, "after")
		w.want("after")
	})
}

// A device that goes says so, long before its silence would, and takes its trace
// with it.
func TestRemnantsAreForgotten(t *testing.T) {
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	n := start(t, cfg)
	phone := account(t, "phone", n)
	laptop := silent(t, invited(t, phone, "laptop", client.RoleWatch), n)
	watch(t, laptop)
	awaitRemnant(t, cfg.State)
	laptop.Close()
	for ctx := testContext(t); ; wait(t, ctx) {
		if _, err := os.Stat(filepath.Join(cfg.State, "remnants")); os.IsNotExist(err) {
			return
		}
	}
}
