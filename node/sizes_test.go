package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// path is a way to a node that carries datagrams up to a size and swallows the
// others, as a small MTU does.
type path struct {
	address   string
	swallowed atomic.Int64
}

// DeviceAddress implements addressed.
func (p *path) DeviceAddress() string { return p.address }

// newPath puts a path of this size in front of a node.
func newPath(t *testing.T, n addressed, size int) *path {
	t.Helper()
	at, fingerprint, _ := strings.Cut(strings.TrimPrefix(n.DeviceAddress(), "mpp://"), "/")
	node := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at))
	front, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	p := &path{address: fmt.Sprintf("mpp://%s/%s", front.LocalAddr(), fingerprint)}
	var wg sync.WaitGroup
	carry := func(from *net.UDPConn, each func(b []byte, source netip.AddrPort)) {
		buf := make([]byte, 2048)
		for {
			n, source, err := from.ReadFromUDPAddrPort(buf)
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err != nil:
			case n > size:
				p.swallowed.Add(1)
			default:
				each(buf[:n], source)
			}
		}
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		backs := make(map[netip.AddrPort]*net.UDPConn)
		carry(front, func(b []byte, source netip.AddrPort) {
			back := backs[source]
			if back == nil {
				var err error
				if back, err = net.DialUDP("udp4", nil, node); err != nil {
					t.Errorf("opening the way back: %v", err)
					return
				}
				backs[source] = back
				wg.Add(1)
				go func() {
					defer wg.Done()
					carry(back, func(b []byte, _ netip.AddrPort) { front.WriteToUDPAddrPort(b, source) })
				}()
			}
			back.Write(b)
		})
		for _, back := range backs {
			back.Close()
		}
	}()
	t.Cleanup(func() { front.Close(); wg.Wait() })
	return p
}

// onBothPaths runs a test on a path of 1200 bytes and on one of 548.
func onBothPaths(t *testing.T, f func(t *testing.T, n *path)) {
	for _, size := range []int{1200, 548} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			p := newPath(t, start(t, loopback(t, filepath.Join(t.TempDir(), "a"))), size)
			f(t, p)
			if size == 548 && p.swallowed.Load() == 0 {
				t.Error("nobody tried a larger packet: the path was not the one meant")
			}
		})
	}
}

// facts.md, Sealing: "Payload at most 4 KiB in clear"
func TestPayloadsOfFourKiB(t *testing.T) {
	t.Parallel()
	onBothPaths(t, func(t *testing.T, n *path) {
		phone := account(t, "phone", n)
		laptop := invite(t, phone, "laptop", n)
		w := watch(t, laptop)
		data := make([]byte, record.MaxData)
		rand.Read(data)
		for _, post := range []client.Post{{Data: data}, {Data: data, Label: strings.Repeat("l", 64)}, {Data: data, Clear: true}} {
			if _, err := phone.Publish(testContext(t), post); err != nil {
				t.Fatal(err)
			}
			if e := w.next(); !bytes.Equal(e.Data, data) || e.Label != post.Label || e.Sealed == post.Clear {
				t.Errorf("%d bytes came, label %q, sealed %v", len(e.Data), e.Label, e.Sealed)
			}
		}
		_, err := phone.Publish(testContext(t), client.Post{Data: append(data, 0)})
		var refusal *client.Refusal
		if !errors.As(err, &refusal) || refusal.Code != mpp.CodeTooLarge || !strings.Contains(err.Error(), "4097") {
			t.Errorf("4097 bytes: %v", err)
		}
	})
}

// sensor is a device of an account whose facts a test makes by hand.
type sensor struct {
	t      *testing.T
	device *key.Device
	static *key.Static
	owner  key.Hash
	serial int64
}

// newSensor adds a device to the account that by holds the key of.
func newSensor(t *testing.T, by *client.Client, name string) *sensor {
	t.Helper()
	s := &sensor{t: t, static: newStatic(t)}
	var err error
	if s.device, err = key.NewDevice(); err != nil {
		t.Fatal(err)
	}
	if s.owner, err = key.ParseHash(by.Profile().Account()); err != nil {
		t.Fatal(err)
	}
	card := client.Card{Key: s.device.Author(), Agreement: s.static.Public(), Name: name}
	if _, err := by.AddDevice(testContext(t), card, client.RoleWatch|client.RolePublish, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sensor) sign(life time.Duration, body record.Body) *record.Fact {
	s.t.Helper()
	s.serial++
	now := wall.Of(time.Now())
	f, err := record.Sign(s.device, key.Hash{}, record.Base{Serial: s.serial, Time: now, Expires: now.Add(life), Account: s.owner}, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// status signs a clear status.
func (s *sensor) status(label, data string) *record.Fact {
	tag := [record.TagSize]byte{}
	copy(tag[:], label)
	payload := record.Payload{Label: label, Data: []byte(data)}
	return s.sign(time.Hour, &record.Event{Channel: "main", Tag: tag[:], Payload: payload.Append(nil)})
}

// queued signs a clear queued event.
func (s *sensor) queued(sequence int64, data string) *record.Fact {
	payload := record.Payload{Data: []byte(data)}
	return s.sign(time.Hour, &record.Event{Channel: "main", Sequence: sequence, Oldest: 1, Payload: payload.Append(nil)})
}

// longRaw is a raw device with much to say, on a machine that may be busy.
func longRaw(t *testing.T, n addressed, static *key.Static) *raw {
	t.Helper()
	r := newRaw(t, n, static)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	r.ctx = ctx
	return r
}

// bring brings facts in requests of a few, and wants all of them taken.
func bring(t *testing.T, r *raw, facts ...*record.Fact) {
	t.Helper()
	for len(facts) > 0 {
		m := new(mpp.FactRequest)
		size := 0
		for len(facts) > 0 && size+len(facts[0].Append(nil)) < 7600 {
			m.Facts = append(m.Facts, facts[0].Append(nil))
			size += len(m.Facts[len(m.Facts)-1])
			facts = facts[1:]
		}
		answer := r.ask(m).(*mpp.FactResponse)
		for _, result := range answer.Results {
			if result.Code.Code() != mpp.CodeOK {
				t.Fatalf("a fact was answered %v", result.Code.Code())
			}
		}
	}
}

// padded is an encoded fact with a member that nobody knows, which makes it this long.
func padded(t *testing.T, s key.Signer, f *record.Fact, size int) []byte {
	t.Helper()
	for pad := size - len(f.Append(nil)); ; pad-- {
		raw := bytes.Clone(f.Raw[:len(f.Raw)-1])
		raw = jsonbcd.AppendBinary(jsonbcd.AppendName(raw, "Padding"), make([]byte, pad))
		long := record.Fact{Kind: f.Kind, Raw: append(raw, '}')}
		long.Signature = s.Sign(append([]byte("mpp/1\x00"+string(f.Kind)+"\x00"), long.Raw...))
		if b := long.Append(nil); len(b) == size {
			return b
		} else if len(b) < size {
			t.Fatalf("no padding makes it %d bytes long", size)
		}
	}
}

// mpp.md: "a fact of at most 7,000 bytes fits on any path"
func TestFactsOfSevenThousandBytes(t *testing.T) {
	t.Parallel()
	onBothPaths(t, func(t *testing.T, n *path) {
		phone := account(t, "phone", n)
		s := newSensor(t, phone, "sensor")
		r := longRaw(t, n, s.static)
		longest := padded(t, s.device, s.sign(time.Hour, &record.Attach{}), record.MaxFact)
		answer := r.ask(&mpp.FactRequest{Facts: [][]byte{longest}, Want: []mpp.Want{{Kind: "attach", All: true}}}).(*mpp.FactResponse)
		if len(answer.Results) != 1 || answer.Results[0].Code.Code() != mpp.CodeOK {
			t.Fatalf("up: %+v", answer.Results)
		}
		if len(answer.Facts) != 1 {
			t.Fatalf("down: %d facts, more %v", len(answer.Facts), answer.More)
		}
		if !bytes.Equal(answer.Facts[0], longest) {
			t.Errorf("down: %d bytes, not those that went up", len(answer.Facts[0]))
		}
		over := padded(t, s.device, s.sign(time.Hour, &record.Attach{}), record.MaxFact+1)
		answer = r.ask(&mpp.FactRequest{Facts: [][]byte{over}}).(*mpp.FactResponse)
		if len(answer.Results) != 1 || answer.Results[0].Code.Code() != mpp.CodeMalformed {
			t.Errorf("7,001 bytes: %+v", answer.Results)
		}
	})
}

const manyStatuses = 300

// statuses makes two of each label: only the second counts.
func (s *sensor) statuses() (older, newer []*record.Fact) {
	for i := range manyStatuses {
		older = append(older, s.status(fmt.Sprintf("label %d", i), "old"))
	}
	for i := range manyStatuses {
		newer = append(newer, s.status(fmt.Sprintf("label %d", i), fmt.Sprint(i)))
	}
	return older, newer
}

// mpp.md, Semantics: "What does not fit is answered with the empty Store ... and
// fetched; never truncated in silence."
func TestStatusesFetchedByPages(t *testing.T) {
	t.Parallel()
	onBothPaths(t, func(t *testing.T, n *path) {
		phone := account(t, "phone", n)
		s := newSensor(t, phone, "sensor")
		older, newer := s.statuses()
		bring(t, longRaw(t, n, s.static), append(older, newer...)...)

		hall := newSensor(t, phone, "hall")
		r := longRaw(t, n, hall.static)
		node := r.ask(&mpp.FactRequest{Want: []mpp.Want{{Kind: "node", All: true}}}).(*mpp.FactResponse)
		card, err := record.Parse(node.Facts[0])
		if err != nil {
			t.Fatal(err)
		}
		attach := hall.sign(time.Hour, &record.Attach{Nodes: []key.Hash{card.Author.Hash()}})
		bring(t, r, attach)
		h := attach.Hash()
		if c := r.ask(&mpp.ConnectRequest{Attach: h[:]}).Base().Code(); c != mpp.CodeOK {
			t.Fatalf("connecting: %v", c)
		}
		for !r.toldToFetch() {
			r.turn()
		}
		got := make(map[key.Hash]bool)
		var after []byte
		for {
			page, ok := r.ask(&mpp.FetchRequest{Statuses: true, After: after}).(*mpp.FetchResponse)
			if !ok {
				t.Fatal("the fetch was refused")
			}
			for _, raw := range page.Facts {
				f, err := record.Parse(raw)
				if err != nil {
					t.Fatal(err)
				}
				last := f.Hash()
				if got[last] || bytes.Compare(last[:], after) <= 0 {
					t.Fatal("a page repeats what came before, or is out of order")
				}
				got[last], after = true, last[:]
			}
			if !page.More {
				break
			}
		}
		for _, f := range newer {
			if !got[f.Hash()] {
				t.Errorf("status %d is lost", f.Serial)
			}
		}
		if len(got) != manyStatuses {
			t.Errorf("%d statuses, want the newest %d only", len(got), manyStatuses)
		}
	})
}

// toldToFetch looks for the empty Store among what the node said.
func (r *raw) toldToFetch() bool {
	for _, msg := range r.answers {
		if m, ok := msg.(*mpp.Notify); ok {
			for _, s := range m.Stores {
				if s.Store == "" {
					return true
				}
			}
		}
	}
	return false
}

// A device that comes late, and one that watches already, have the newest of 300
// labels in the end, nothing twice.
func TestStatusesReachWatchers(t *testing.T) {
	t.Parallel()
	onBothPaths(t, func(t *testing.T, n *path) {
		phone := account(t, "phone", n)
		s := newSensor(t, phone, "sensor")
		early := watch(t, phone)
		older, newer := s.statuses()
		r := longRaw(t, n, s.static)
		bring(t, r, append(older, newer...)...)
		late := watch(t, invite(t, phone, "laptop", n))
		for _, w := range []*watcher{early, late} {
			last := make(map[string]client.Event)
			for done := 0; done < manyStatuses; {
				e := w.next()
				if e.Serial <= last[e.Label].Serial {
					t.Fatalf("%s: serial %d after %d", e.Label, e.Serial, last[e.Label].Serial)
				}
				last[e.Label] = e
				if string(e.Data) != "old" {
					done++
				}
			}
			if len(last) != manyStatuses {
				t.Errorf("%d labels", len(last))
			}
		}
	})
}

// fill signs, with the account's key, as many devices more as an account has and
// the fullest epoch that lists all of them.
func fill(t *testing.T, phone *client.Client, laptop *client.Profile) (sensors []*sensor, facts []*record.Fact) {
	t.Helper()
	account, err := key.LoadAccount(filepath.Join(phone.Profile().Dir(), "account.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	base := record.Base{Serial: 1, Time: wall.Of(time.Now()), Account: account.Author().Hash()}
	to := []record.Recipient{recipient(phone.Profile()), recipient(laptop)}
	for i := range record.MaxWraps - len(to) {
		s := &sensor{t: t, static: newStatic(t), owner: base.Account}
		if s.device, err = key.NewDevice(); err != nil {
			t.Fatal(err)
		}
		f, err := record.Sign(account, key.Hash{}, base, &record.Device{
			Key: s.device.Author(), Agreement: s.static.Public(), Roles: record.Watch | record.Publish,
		})
		if err != nil {
			t.Fatal(err)
		}
		sensors, facts = append(sensors, s), append(facts, f)
		to = append(to, record.Recipient{Device: s.device.Author().Hash(), Agreement: s.static.Public(), Name: fmt.Sprintf("%024d", i)})
	}
	var older []*record.EpochKey
	for range record.MaxOlder {
		older = append(older, record.NewEpochKey())
	}
	base.Serial = 100
	epoch, err := record.SignEpoch(account, base, 100, record.NewEpochKey(), to, older)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the fullest epoch: %d bytes", len(epoch.Append(nil)))
	return sensors, append(facts, epoch)
}

func recipient(p *client.Profile) record.Recipient {
	card := p.Card()
	return record.Recipient{Device: card.Key.Hash(), Agreement: card.Agreement, Name: card.Name}
}

// facts.md, epoch: 32 devices with names of 24 bytes and the 16 newest older
// halves; federation.md, Delivery: a floor and up to 16 ranges a channel.
func TestFullestAccount(t *testing.T) {
	unhurried(t)
	t.Parallel()
	onBothPaths(t, func(t *testing.T, n *path) {
		phone := account(t, "phone", n)
		laptop := invited(t, phone, strings.Repeat("☎", 8), client.RoleWatch)
		sensors, facts := fill(t, phone, laptop)
		r := longRaw(t, n, sensors[0].static)
		bring(t, r, facts...)
		const holes = 16
		var events []*record.Fact
		for _, s := range sensors {
			for i := range int64(holes) {
				events = append(events, s.queued(3+2*i, "with holes"))
			}
		}
		bring(t, r, events...)

		first := dial(t, laptop, n)
		w := watch(t, first)
		seen := make(map[string]bool)
		for range events {
			e := w.next()
			if seen[e.Hash] {
				t.Fatal("an event came twice")
			}
			seen[e.Hash] = true
		}
		names := make(map[string]bool)
		for _, d := range laptop.Devices() {
			names[d.Name] = true
		}
		if len(names) != record.MaxWraps || !names[fmt.Sprintf("%024d", 29)] || !names[strings.Repeat("☎", 8)] {
			t.Errorf("the laptop knows %d names: %v", len(names), names)
		}
		first.Close()

		again, err := client.OpenProfile(laptop.Dir())
		if err != nil {
			t.Fatal(err)
		}
		w = watch(t, dial(t, again, n))
		bring(t, r, sensors[1].queued(3+2*holes, "one more"))
		w.want("one more")
	})
}
