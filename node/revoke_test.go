package node_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// wantRefusal checks that a node said no with this code.
func wantRefusal(t *testing.T, err error, code mpp.Code) {
	t.Helper()
	var refusal *client.Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("got %v, want the refusal %v", err, code)
	}
}

// watchUntilRefused watches until a node says no for good.
func watchUntilRefused(ctx context.Context, c *client.Client) (last error) {
	for _, err := range c.Watch(ctx) {
		last = err
	}
	return last
}

// A revoked device is refused at every node and its events are void there; the
// others read on, and one added later reads what is still kept.
func TestRevocationReachesEveryNode(t *testing.T) {
	unhurried(t)
	t.Parallel()
	nodes, _ := realm(t)
	phone := account(t, "phone", nodes[0])
	tablet := invite(t, phone, "tablet", nodes[2])
	w := watch(t, tablet)
	lost := invited(t, phone, "lost", client.RoleWatch|client.RolePublish)
	thief := dial(t, lost, nodes[1])
	ended := make(chan error, 1)
	go func() { ended <- watchUntilRefused(t.Context(), thief) }()
	publish(t, phone, "old news")
	publish(t, thief, "from the lost device")
	w.wantAll("old news", "from the lost device")

	if err := phone.RevokeDevice(testContext(t), lost.Device(), nil); err != nil {
		t.Fatal(err)
	}
	publish(t, phone, "new news")
	w.want("new news")
	agree(t, nodes...)

	// Its connection at B was closed: it finds out by itself.
	select {
	case err := <-ended:
		wantRefusal(t, err, mpp.CodeRevoked)
	case <-testContext(t).Done():
		t.Error("the revoked device was never told")
	}
	thief.Close()
	for i, n := range nodes {
		again, err := client.OpenProfile(lost.Dir())
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, again, n)
		_, err = c.Publish(testContext(t), client.Post{Data: []byte("from the lost device, later")})
		wantRefusal(t, err, mpp.CodeRevoked)
		c.Close()
		// What is still kept is all that was posted, but the lost device's.
		watch(t, invite(t, phone, []string{"at A", "at B", "at C"}[i], n)).wantAll("old news", "new news")
	}
	agree(t, nodes...)
	if len(w.events) > 0 {
		t.Errorf("got %q besides", (<-w.events).Data)
	}
}

// "A carrying node sees account, publisher, channel, Serial or sequence, tag,
// epoch, size, times: no more" (facts.md, Sealing).
func TestCarriersCannotRead(t *testing.T) {
	t.Parallel()
	const (
		payload = "the cat is out of the bag"
		label   = "whereabouts-of-the-cat"
		queued  = "somebody let it out"
		open    = "this may be read by all"
	)
	nodes, configs := realm(t)
	phone := account(t, "phone", nodes[0])
	w := watch(t, invite(t, phone, "laptop", nodes[2]))
	for _, post := range []client.Post{
		{Label: label, Data: []byte(payload)},
		{Data: []byte(queued)},
		{Data: []byte(open), Clear: true},
	} {
		if _, err := phone.Publish(testContext(t), post); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range w.wantAll(payload, queued, open) {
		if e.Sealed != (string(e.Data) != open) || e.Label != map[bool]string{true: label}[string(e.Data) == payload] {
			t.Errorf("%q came with label %q, sealed %v", e.Data, e.Label, e.Sealed)
		}
	}
	agree(t, nodes...)
	for i, n := range nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		kept := contents(t, configs[i].State)
		if !bytes.Contains(kept, []byte(open)) {
			t.Errorf("node %d does not keep the clear post: this test looks in the wrong place", i)
		}
		for _, secret := range []string{payload, label, queued} {
			if bytes.Contains(kept, []byte(secret)) {
				t.Errorf("node %d keeps %q in clear", i, secret)
			}
		}
	}
}

// contents are the bytes of every file under a directory, names included.
func contents(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(append(append(all, path...), '\n'), b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
