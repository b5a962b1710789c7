package lab_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/testnet/hostile"
	"meshpresence/testnet/lab"
)

// tool names the presence command.
const tool = "LAB_PRESENCE"

// Ports that nodes have unless told otherwise, and that of multicast DNS.
const (
	devicePort = 6770
	peerPort   = 6771
	mdnsPort   = 5353
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// until waits for a condition that has no signal.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting until %s: it did not come", what)
		}
	}
}

// house is a test's network.
type house struct {
	t   *testing.T
	lan *lab.LAN
	dir string
	log string // the file that takes what hosts say
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	h.log = filepath.Join(h.dir, "log")
	logs := must(os.Create(h.log))
	var err error
	if h.lan, err = lab.NewLAN(logs); err != nil {
		t.Skipf("no switch: %v", err)
	}
	t.Cleanup(func() {
		h.lan.Close()
		logs.Close()
		if t.Failed() {
			t.Logf("what the hosts said:\n%s", must(os.ReadFile(h.log)))
		}
	})
	return h
}

func (h *house) plug() *lab.Host {
	h.t.Helper()
	host, err := h.lan.Plug(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return host
}

func (h *house) do(host *lab.Host, o lab.Order) lab.Report {
	h.t.Helper()
	r, err := host.Do(o)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// member is a node on a host of its own.
type member struct {
	*lab.Host
	state, device, realm string
}

// node starts a node; it lives in the realm of another one, if one is given.
// Nobody is named to it.
func (h *house) node(name string, realm *member) *member {
	h.t.Helper()
	m := &member{Host: h.plug(), state: filepath.Join(h.dir, name)}
	order := lab.Node{State: m.state}
	if realm != nil {
		order.RealmKey = filepath.Join(realm.state, "keys", "realm.key")
	}
	r := h.do(m.Host, lab.Order{Node: &order})
	m.device, m.realm = r.Device, r.Realm
	return m
}

func (h *house) digest(m *member) string {
	h.t.Helper()
	return h.do(m.Host, lab.Order{Digest: true}).Digest
}

// same waits until two nodes hold the same facts.
func (h *house) same(a, b *member) {
	h.t.Helper()
	until(h.t, "two nodes of a household hold the same", func() bool { return h.digest(a) == h.digest(b) })
}

// presence runs the tool on a host, where nobody sits.
func (h *house) presence(host *lab.Host, args ...string) lab.Report {
	h.t.Helper()
	home := filepath.Join(h.dir, "home")
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=", "PRESENCE_NODE=", "PRESENCE_PROFILE=default"}
	return h.do(host, lab.Order{Run: append([]string{os.Getenv(tool), "--timeout", "2m"}, args...), Env: env})
}

// wants runs the tool and holds it to its exit code.
func (h *house) wants(code int, host *lab.Host, args ...string) lab.Report {
	h.t.Helper()
	r := h.presence(host, args...)
	if r.Code != code {
		h.t.Fatalf("presence %q: exit %d, want %d\n%s%s", args, r.Code, code, r.Out, r.ErrText)
	}
	return r
}

// eventually runs the tool until it ends as wanted: it listens for three seconds,
// and on a machine that is busy a node may need longer to answer.
func (h *house) eventually(code int, host *lab.Host, says []string, args ...string) {
	h.t.Helper()
	var r lab.Report
	defer func() {
		if h.t.Failed() {
			h.t.Logf("presence %q: exit %d\n%s%s", args, r.Code, r.Out, r.ErrText)
		}
	}()
	until(h.t, "a device finds its nodes", func() bool {
		r = h.presence(host, args...)
		missing := func(s string) bool { return !strings.Contains(r.Out+r.ErrText, s) }
		return r.Code == code && !slices.ContainsFunc(says, missing)
	})
	if n := strings.Count(r.ErrText, "mpp://"); code == 2 && n > len(says) {
		h.t.Errorf("%d nodes named, want %d:\n%s", n, len(says), r.ErrText)
	}
}

// account makes an account on a host and posts something, and returns the
// account's name.
func (h *house) account(host *lab.Host, post string, flags ...string) string {
	h.t.Helper()
	r := h.wants(0, host, append(flags, "--json", "account", "create", "--no-passphrase", "--name", "device")...)
	var made struct{ Account string }
	if err := json.Unmarshal([]byte(r.Out), &made); err != nil || made.Account == "" {
		h.t.Fatalf("account create printed %q: %v", r.Out, err)
	}
	h.post(host, post, flags...)
	return made.Account
}

func (h *house) post(host *lab.Host, post string, flags ...string) {
	h.t.Helper()
	// 6: a second home is not there to confirm, or has not yet.
	if r := h.presence(host, append(flags, "publish", "--clear", post)...); r.Code != 0 && r.Code != 6 {
		h.t.Fatalf("posting: exit %d\n%s%s", r.Code, r.Out, r.ErrText)
	}
}

// names are the texts and bytes that a household is known by, and what it says.
func names(household string, posts []string, account string, nodes ...*member) (list []hostile.Secret) {
	hash := func(name string, h key.Hash) {
		list = append(list,
			hostile.Secret{Name: household + name, Bytes: h[:]},
			hostile.Secret{Name: household + name + " in hex", Bytes: []byte(hex.EncodeToString(h[:]))})
		list = append(list, hostile.Text(household+name+" as text", h.String())...)
	}
	hash("'s realm", must(key.ParseHash(nodes[0].realm)))
	hash("'s account", must(key.ParseHash(account)))
	for _, n := range nodes {
		hash("'s node "+filepath.Base(n.state), must(key.LoadNode(filepath.Join(n.state, "keys", "node.key"))).Author().Hash())
	}
	for _, p := range posts {
		list = append(list, hostile.Text(household+"'s post "+p, p)...)
	}
	return list
}

// stored is all that lies in a node's store.
func stored(t *testing.T, m *member) (list []hostile.Packet) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(m.state, "store"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			list = append(list, hostile.Packet{Data: must(os.ReadFile(path))})
		}
		return err
	})
	if err != nil || len(list) == 0 {
		t.Fatalf("reading the store of %s: %d files, %v", m.state, len(list), err)
	}
	return list
}

// "Two households on one LAN by mDNS: no fact of one is seen at the other
// (captured)."
func TestTwoHouseholdsOnOneLAN(t *testing.T) {
	if !inNamespace(t, func() []string {
		bin, err := binaries()
		if err != nil {
			t.Fatal(err)
		}
		return []string{tool + "=" + filepath.Join(bin, "presence")}
	}) {
		return
	}
	h := newHouse(t)
	device := h.plug()

	// A device with nothing configured, and one node on the network.
	a1 := h.node("a1", nil)
	h.eventually(2, device, []string{"--node " + a1.device}, "ping")
	h.eventually(0, device, nil, "--trust-first", "--json", "ping")
	accountA := h.account(device, "the cat is fed", "--node", a1.device, "--profile", filepath.Join(h.dir, "a"))

	a2 := h.node("a2", a1)
	b1 := h.node("b1", nil)
	b2 := h.node("b2", b1)
	accountB := h.account(device, "the dog is out", "--node", b1.device, "--profile", filepath.Join(h.dir, "b"))
	h.same(a1, a2)
	h.same(b1, b2)

	// Each has heard of each neighbour, and dialled it or was dialled.
	for _, a := range []*member{a1, a2} {
		for _, b := range []*member{b1, b2} {
			until(t, "neighbours of two households have met", func() bool { return h.met(a.Addr, b.Addr) })
		}
	}
	until(t, "a neighbour was asked whether it is kin, and hung up", func() bool {
		return bytes.Contains(must(os.ReadFile(h.log)), []byte("the answer to kin"))
	})
	// Something honest after it, by the same ways.
	postsA, postsB := []string{"the cat is fed", "the cat is back"}, []string{"the dog is out", "the dog is back"}
	h.post(device, postsA[1], "--profile", filepath.Join(h.dir, "a"))
	h.post(device, postsB[1], "--profile", filepath.Join(h.dir, "b"))
	h.same(a1, a2)
	h.same(b1, b2)
	if h.digest(a1) == h.digest(b1) {
		t.Error("two households hold the same")
	}

	h.list(device, a1, a2, b1, b2)
	for _, b := range []*member{b1, b2} {
		h.do(b.Host, lab.Order{Stop: true})
	}
	h.list(device, a1, a2)
	h.do(a2.Host, lab.Order{Stop: true})
	h.eventually(0, device, []string{a1.device}, "--trust-first", "--json", "ping")
	h.do(a1.Host, lab.Order{Stop: true})

	ofA, ofB := names("household A", postsA, accountA, a1, a2), names("household B", postsB, accountB, b1, b2)
	h.judgeStores(ofA, ofB, []*member{a1, a2}, []*member{b1, b2})
	h.judgeWire(device, a1, append(ofA, ofB...))
}

// met reports whether nodes on two hosts have spoken by their peers' ports, one
// way and the other.
func (h *house) met(a, b netip.Addr) bool {
	said := func(from, to netip.Addr) bool {
		return slices.ContainsFunc(h.lan.Packets(), func(p hostile.Packet) bool {
			return p.From.Addr() == from && p.To.Addr() == to && len(p.Data) > 0 &&
				(p.From.Port() == peerPort || p.To.Port() == peerPort)
		})
	}
	return said(a, b) && said(b, a)
}

// list has a device with nothing configured list the nodes: exit 2, since nobody
// is there to choose.
func (h *house) list(device *lab.Host, nodes ...*member) {
	h.t.Helper()
	var says []string
	for _, n := range nodes {
		says = append(says, "\n"+n.device+"\n")
	}
	h.eventually(2, device, says, "ping")
}

// judgeStores looks into what each node keeps. The control: a household's own
// names are found there.
func (h *house) judgeStores(ofA, ofB []hostile.Secret, as, bs []*member) {
	h.t.Helper()
	for _, side := range []struct {
		nodes       []*member
		own, others []hostile.Secret
	}{{as, ofA, ofB}, {bs, ofB, ofA}} {
		for _, n := range side.nodes {
			kept := stored(h.t, n)
			for _, name := range hostile.Find(kept, side.others) {
				h.t.Errorf("%s keeps %s", filepath.Base(n.state), name)
			}
			if found := hostile.Find(kept, side.own); len(found) < 3 {
				h.t.Errorf("the control failed: of its own %s keeps %q", filepath.Base(n.state), found)
			}
		}
	}
}

// judgeWire looks at all that passed the switch. The control: the same names,
// sent once in clear, are found.
func (h *house) judgeWire(device *lab.Host, a1 *member, secrets []hostile.Secret) {
	h.t.Helper()
	all := h.lan.Packets()
	for _, name := range hostile.Find(all, secrets) {
		h.t.Errorf("the capture shows %s", name)
	}
	announced := 0
	for _, p := range all {
		if p.To.Port() != mdnsPort {
			continue
		}
		announced++
		if host := must(os.Hostname()); len(host) > 3 && bytes.Contains(bytes.ToLower(p.Data), []byte(strings.ToLower(host))) {
			h.t.Errorf("the host's name is announced: %v", p)
		}
	}
	h.t.Logf("%d packets captured, %d of them multicast DNS", len(all), announced)
	if announced == 0 {
		h.t.Error("the control failed: no announcement was captured")
	}
	for _, s := range secrets {
		h.do(device, lab.Order{To: netip.AddrPortFrom(a1.Addr, devicePort).String(), Data: s.Bytes})
	}
	until(h.t, "the capture shows what was sent in clear", func() bool {
		return len(hostile.Find(h.lan.Packets(), secrets)) == len(secrets)
	})
	if drops, err := h.lan.Drops(); err != nil || drops > 0 {
		h.t.Errorf("the kernel dropped %d packets, %v: the capture is not whole", drops, err)
	}
}
