package node_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"meshpresence/node"
	"meshpresence/node/client"
)

// pinned is a node's configuration for its next start: the ports it has.
func pinned(cfg node.Config, n *node.Node) node.Config {
	cfg.Listen, cfg.PeerListen = hostPort(n.DeviceAddress()), listened(n.PeerAddresses())
	return cfg
}

// wantAll waits for these payloads in any order, each once, and none besides.
func (w *watcher) wantAll(payloads ...string) (got []client.Event) {
	w.t.Helper()
	missing := slices.Clone(payloads)
	for len(missing) > 0 {
		e := w.next()
		i := slices.Index(missing, string(e.Data))
		if i < 0 {
			w.t.Fatalf("got %q, still want %q", e.Data, missing)
		}
		missing = slices.Delete(missing, i, i+1)
		got = append(got, e)
	}
	if len(w.events) > 0 {
		w.t.Fatalf("got %q besides", (<-w.events).Data)
	}
	return got
}

// postUntil lets several writers post at once until stop closes, each five times
// more after that, and returns what they posted once all is acknowledged.
func postUntil(t *testing.T, by *client.Client, stop <-chan struct{}) (posted func() []string) {
	var mu sync.Mutex
	var payloads []string
	var done sync.WaitGroup
	write := func() error {
		mu.Lock()
		payload := fmt.Sprintf("post %d", len(payloads))
		payloads = append(payloads, payload)
		mu.Unlock()
		_, err := by.Publish(t.Context(), client.Post{Data: []byte(payload)})
		return err
	}
	for range writers {
		done.Go(func() {
			for after := 0; after < 5; {
				select {
				case <-stop:
					after++
				default:
				}
				if err := write(); err != nil {
					t.Errorf("publishing: %v", err)
					return
				}
			}
		})
	}
	return func() []string {
		done.Wait()
		return payloads
	}
}

// "Publish at A within 50 ms of a device attaching at B": posts leave A all the
// time from before the device reaches for B until after it is attached, and one
// more the moment that another is attached at C.
func TestPublishWhileAttaching(t *testing.T) {
	t.Parallel()
	nodes, _ := realm(t)
	phone := account(t, "phone", nodes[0])
	p := invited(t, phone, "laptop", client.RoleWatch)
	publish(t, phone, "long before")
	attached := make(chan struct{})
	posted := postUntil(t, phone, attached)
	w := watch(t, dial(t, p, nodes[1]))
	at := time.Now()
	close(attached)
	payloads := append(posted(), "long before")
	t.Logf("%d posts, the last %d within %v of the attachment", len(payloads), 5*writers, time.Since(at))
	w.wantAll(payloads...)

	tablet := watch(t, invite(t, phone, "tablet", nodes[2]))
	at = time.Now()
	publish(t, phone, "at once")
	t.Logf("acknowledged %v after the attachment", time.Since(at))
	tablet.wantAll(append(payloads, "at once")...)
	w.want("at once")
}

// "B down during the publish and started after": a device that waits for B gets
// the posts there, and one that was at B finds another node by itself.
func TestHomeDownDuringPublish(t *testing.T) {
	t.Parallel()
	nodes, configs := realm(t)
	a, b := nodes[0], nodes[1]
	phone := account(t, "phone", a)
	laptop := invite(t, phone, "laptop", b)
	p := invited(t, phone, "tablet", client.RoleWatch)
	tablet := dial(t, p, b)
	live, waiting := watch(t, laptop), watch(t, tablet)
	publish(t, phone, "before")
	live.want("before")
	waiting.want("before")
	tablet.Close()

	cfg := pinned(configs[1], b)
	address := b.DeviceAddress()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{"one", "two", "three"} {
		if r := publish(t, phone, payload); r.Code != 200 || r.Copies != 2 {
			t.Errorf("%q got %d with %d copies, want 200 with 2: C is up", payload, r.Code, r.Copies)
		}
	}
	b = start(t, cfg)
	if b.DeviceAddress() != address {
		t.Fatalf("B came back as %s, it was %s", b.DeviceAddress(), address)
	}
	agree(t, a, b, nodes[2])
	p, err := client.OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range watch(t, dial(t, p, b)).wantAll("one", "two", "three") {
		if e.Node != address {
			t.Errorf("%q came from %s, want B, which was down when it was posted", e.Data, e.Node)
		}
	}
	live.wantAll("one", "two", "three")
}

// "202 when a second home exists and has not confirmed within a second"; "the
// device keeps an event until Copies 2 ... and offers the hashes again at every
// connect" (federation.md, Acknowledged).
func TestSecondHomeAway(t *testing.T) {
	t.Parallel()
	nodes, configs := realmOf(t, "a", "b")
	phone := account(t, "phone", nodes[0])
	if r := publish(t, phone, "both up"); r.Code != 200 || r.Copies != 2 {
		t.Fatalf("receipt %d with %d copies, want 200 with 2", r.Code, r.Copies)
	}
	wantKept(t, phone, 0)

	cfg := pinned(configs[1], nodes[1])
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	if r := publish(t, phone, "one home"); r.Code != 202 || r.Copies != 1 {
		t.Errorf("receipt %d with %d copies, want 202 with 1: B is down", r.Code, r.Copies)
	}
	t.Logf("answered after %v", time.Since(at))
	wantKept(t, phone, 1)
	phone.Close()
	phone = dial(t, phone.Profile(), nodes[0])
	wantKept(t, phone, 1) // connecting does not forget it while B is down
	phone.Close()

	b := start(t, cfg)
	agree(t, nodes[0], b)
	phone = dial(t, phone.Profile(), nodes[0])
	awaitKept(t, phone, 0)

	// B lost nothing and got nothing twice.
	w := watch(t, invite(t, phone, "laptop", b))
	w.wantAll("both up", "one home")
}

// kept is how many posts a device keeps for want of a second home.
func kept(t *testing.T, c *client.Client) int {
	t.Helper()
	st, err := c.Status(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return st.Kept
}

func wantKept(t *testing.T, c *client.Client, want int) {
	t.Helper()
	if got := kept(t, c); got != want {
		t.Errorf("the device keeps %d posts, want %d", got, want)
	}
}

func awaitKept(t *testing.T, c *client.Client, want int) {
	t.Helper()
	for ctx := testContext(t); kept(t, c) != want; {
		wait(t, ctx)
	}
}
