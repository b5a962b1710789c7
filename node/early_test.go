package node_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// loadKeys reads what a test needs to speak for a device without its client.
func loadKeys(t *testing.T, p *client.Profile) (*key.Device, *key.Static) {
	t.Helper()
	d, err := key.LoadDevice(filepath.Join(p.Dir(), "device.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := key.LoadStatic(filepath.Join(p.Dir(), "agreement.key"))
	if err != nil {
		t.Fatal(err)
	}
	return d, s
}

// lines are a log: what finds no room is dropped.
type lines chan string

// Write implements io.Writer.
func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

// wait waits for a line that contains text.
func (l lines) wait(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("the log never said %q", text)
		}
	}
}

// An event can outrun the epoch that it is sealed to: both travel by gossip. The
// watching device keeps nothing of it and acknowledges nothing until it can read
// it, and reads it once.
func TestEventBeforeItsEpoch(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	laptop := invited(t, phone, "laptop", client.RoleWatch)
	tried := make(lines, 16)
	c, err := client.Dial(laptop, client.Config{Node: n.DeviceAddress(), Log: slog.New(slog.NewTextHandler(tried, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	w := watch(t, c)
	phone.Close()

	// The phone adds an epoch for the laptop and posts, in the wrong order.
	device, static := loadKeys(t, phone.Profile())
	owner, err := key.LoadAccount(filepath.Join(phone.Profile().Dir(), "account.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	now := wall.Clock(nil).Now()
	base := record.Base{Serial: 1000, Time: now, Account: owner.Author().Hash()}
	k := record.NewEpochKey()
	watcherKeys, watcherStatic := loadKeys(t, laptop)
	epoch, err := record.SignEpoch(owner, base, 1000, k, []record.Recipient{
		{Device: watcherKeys.Author().Hash(), Agreement: watcherStatic.Public(), Name: "laptop"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	post := &record.Event{Channel: "main", Sequence: 1, Oldest: 1, Epoch: k.Public()}
	payload := record.Payload{Data: []byte("early")}
	post.Payload, err = record.SealEvent(post.Epoch, base.Account, device.Author().Hash(), 1, post.Channel, payload.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	base.Expires = now.Add(client.DefaultEventLife)
	event, err := record.Sign(device, key.Hash{}, base, post)
	if err != nil {
		t.Fatal(err)
	}
	r := newRaw(t, n, static)
	answer := r.ask(&mpp.PublishRequest{Event: event.Append(nil)}).(*mpp.PublishResponse)
	if code := answer.Result.Code.Code(); code != mpp.CodeOK {
		t.Fatalf("publishing: %v", code)
	}
	tried.wait(testContext(t), t, "reading an event")
	brought := r.ask(&mpp.FactRequest{Facts: [][]byte{epoch.Append(nil)}}).(*mpp.FactResponse)
	if code := brought.Results[0].Code.Code(); code != mpp.CodeOK {
		t.Fatalf("bringing the epoch: %v", code)
	}
	w.want("early")
}
