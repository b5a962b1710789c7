package hostile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/client"
	"meshpresence/node/federation"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
	"meshpresence/testnet/hostile"
)

// forgery is a fact that is neither to be merged nor passed on.
type forgery struct {
	name string
	fact *record.Fact
	// offence: no honest node of any version would send it, so its message is
	// rejected and, over a stream, its sender thrown out.
	offence bool
	// shell: bytes that cannot even be read as a fact.
	shell bool
	// spoils: passed over when alone, an offence beside others.
	spoils bool
	// code is how a forwarded copy of it is answered.
	code mpp.Code
}

// line is hostile members, node A, and behind it node B and a member that
// listens:
//
//	liars -> A -> B
//	         A -> listener
type line struct {
	t        *testing.T
	a, b     *site
	realm    *key.Realm
	over     string // multiaddr of A
	listener *hostile.Member

	phone, lost, mallory *person
	status               *record.Fact // of the phone, held
	canaries             int
	twins                byte
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{t: t, a: startNode(t, nil)}
	l.over, _, _ = l.a.peers("tcp")
	l.b = startNode(t, l.a, l.over)
	l.realm = must(key.LoadRealm(l.a.realmFile(), nil))
	agree(t, l.a, l.b)
	l.phone = newAccount(t, "phone", l.a.DeviceAddress())
	l.lost = l.phone.invite("lost", l.a.DeviceAddress())
	l.lost.publish(client.Post{Data: []byte("while I was trusted")})
	check(t, l.phone.RevokeDevice(testContext(t), l.lost.Profile().Device(), nil))
	l.mallory = newAccount(t, "mallory", l.a.DeviceAddress())
	l.mallory.publish(client.Post{Data: []byte("hello from another account")})
	l.phone.publish(client.Post{Label: "door", Data: []byte("shut")})
	l.phone.publish(client.Post{Label: "door", Data: []byte("open")})
	l.listener = l.member()
	l.settled()
	l.status = l.find(func(f *record.Fact) bool {
		e, ok := f.Body.(*record.Event)
		return ok && e.IsStatus() && f.Author == l.phone.deviceKey().Author()
	})
	return l
}

// member connects another hostile member to A.
func (l *line) member() *hostile.Member {
	l.t.Helper()
	m := must(hostile.NewMember(testContext(l.t), l.realm.Author().Hash(), l.realm, l.over))
	l.t.Cleanup(func() { m.Fed.Close() })
	until(l.t, "a hostile member is connected", func() bool { return len(m.Fed.Members()) == 1 })
	return m
}

// settled waits until A, B and the listener hold the same, and returns that.
func (l *line) settled() (string, []*record.Fact) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		facts := l.listener.Held()
		all, a, b := digestOf(facts), digest(l.t, l.a), digest(l.t, l.b)
		if a == all && b == all {
			return all, facts
		}
		if ctx.Err() != nil {
			for _, f := range facts {
				l.t.Logf("the listener holds a %s fact of %s, serial %d", f.Kind, f.Author.Hash().Short(), f.Serial)
			}
			l.t.Fatalf("A holds %.8s, B %.8s, the listener %.8s: they do not come to hold the same", a, b, all)
		}
		wait(l.t, l.t.Context())
	}
}

// digestOf is node.Digest of a set of facts, made here.
func digestOf(facts []*record.Fact) string {
	sums := map[key.Hash]*registry.Sum{{}: {}}
	for _, f := range facts {
		if sums[f.Account] == nil {
			sums[f.Account] = new(registry.Sum)
		}
		sums[f.Account].Add(f.Hash())
	}
	var accounts []key.Hash
	for a := range sums {
		accounts = append(accounts, a)
	}
	slices.SortFunc(accounts, func(a, b key.Hash) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, a := range accounts {
		h.Write(a[:])
		h.Write(sums[a].Total[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (l *line) find(which func(*record.Fact) bool) *record.Fact {
	l.t.Helper()
	facts := l.listener.Held()
	i := slices.IndexFunc(facts, which)
	if i < 0 {
		l.t.Fatal("the listener lacks a fact that the test needs")
	}
	return facts[i]
}

func now() wall.Time { return wall.Of(time.Now()) }

// soon is a base for a fact about an account that lives for an hour.
func soon(account key.Hash, serial int64) record.Base {
	return record.Base{Serial: serial, Time: now(), Expires: now().Add(time.Hour), Account: account}
}

// lasting is a base for facts of kinds that have no life.
func lasting(account key.Hash, serial int64) record.Base {
	return record.Base{Serial: serial, Time: now(), Account: account}
}

func statusOf(tag byte) *record.Event {
	return &record.Event{Channel: "main", Tag: bytes.Repeat([]byte{tag}, record.TagSize), Payload: []byte("forged")}
}

func sign(s key.Signer, base record.Base, body record.Body) *record.Fact {
	return must(record.Sign(s, key.Hash{}, base, body))
}

// forgeries are the ways to lie, each by the best forger there can be: it holds
// every key but the one that matters.
func (l *line) forgeries() []forgery {
	victim, other := l.phone.account(), l.mallory.account()
	phone, mallory := l.phone.deviceKey(), l.mallory.deviceKey()
	account, thief := l.phone.accountKey(), l.mallory.accountKey()
	lost := l.lost.deviceKey()
	deviceBody := func(k *key.Device, s *key.Static) *record.Device {
		return &record.Device{Key: k.Author(), Agreement: s.Public(), Roles: record.Watch | record.Publish}
	}
	intruder := deviceBody(mallory, l.mallory.staticKey())
	older := *l.status.Body.(*record.Event)
	older.Payload, older.Epoch = []byte("shut"), [32]byte{}

	list := []forgery{
		{name: "wrong key, event", offence: true,
			fact: must(hostile.SignFor(phone.Author(), mallory, soon(victim, 1), statusOf(1)))},
		{name: "wrong key, device of the account", offence: true,
			fact: must(hostile.SignFor(account.Author(), thief, lasting(victim, 1), intruder))},
		{name: "other account's key, device of the account", offence: true, shell: true,
			fact: hostile.Rename(sign(thief, lasting(other, 9), intruder), thief, victim)},
		{name: "held, with a corrupt signature", spoils: true,
			fact: must(hostile.Corrupt(l.status))},
		{name: "older serial, status", code: mpp.CodeSerial,
			fact: sign(phone, record.Base{Serial: l.status.Serial - 1, Time: now(), Expires: l.status.Expires, Account: victim}, &older)},
		{name: "older serial, device", code: mpp.CodeSerial,
			fact: sign(account, lasting(victim, 0), deviceBody(phone, l.mallory.staticKey()))},
		{name: "other account, event", code: mpp.CodeNotAdmitted,
			fact: sign(mallory, soon(victim, 1), statusOf(2))},
		{name: "other account, attachment", code: mpp.CodeNotAdmitted,
			fact: sign(mallory, soon(victim, 1), &record.Attach{Nodes: []key.Hash{l.a.name()}})},
		{name: "other account, event under a made-up capability", code: mpp.CodeRefused,
			fact: sign(mallory, soon(victim, 1), &record.Event{Channel: "main", Tag: make([]byte, record.TagSize), Payload: []byte("forged"),
				Capability: []byte("let me in"), Device: []byte("me")})},
		{name: "revoked author, event", code: mpp.CodeRefused,
			fact: sign(lost, soon(victim, 1<<40), statusOf(3))},
		{name: "revoked author, attachment", code: mpp.CodeRefused,
			fact: sign(lost, soon(victim, 1<<40), &record.Attach{Nodes: []key.Hash{l.a.name()}})},
		{name: "revoked device, named again by the account", code: mpp.CodeRefused,
			fact: sign(account, lasting(victim, 1<<40), deviceBody(lost, l.lost.staticKey()))},
		{name: "expired event", code: mpp.CodeExpired,
			fact: sign(phone, record.Base{Serial: 1, Time: now(), Expires: now().Add(-time.Second), Account: victim}, statusOf(4))},
		{name: "event for ever", code: mpp.CodeExpired,
			fact: sign(phone, record.Base{Serial: 1, Time: now(), Expires: now().Add(365 * 24 * time.Hour), Account: victim}, statusOf(5))},
	}
	return append(list, l.unhosted()...)
}

// unhosted is an account that nobody hosts but a node that is no member.
func (l *line) unhosted() []forgery {
	account, device, node := must(key.NewAccount()), must(key.NewDevice()), must(key.NewNode())
	static := must(key.NewStatic(key.X25519))
	home, realm := account.Author().Hash(), l.realm.Author().Hash()
	epoch := must(record.SignEpoch(account, lasting(home, 1), 1, record.NewEpochKey(), nil, nil))
	card := must(record.Sign(node, realm, record.Base{Serial: 1, Time: now(), Expires: now().Add(time.Hour)},
		&record.Node{Agreements: []key.Agreement{static.Public()}}))
	return []forgery{
		{name: "unhosted account, device", code: mpp.CodeNotAdmitted,
			fact: sign(account, lasting(home, 1), &record.Device{Key: device.Author(), Agreement: static.Public(), Roles: record.Publish})},
		{name: "unhosted account, epoch", code: mpp.CodeNotAdmitted, fact: epoch},
		{name: "unhosted account, event", code: mpp.CodeNotAdmitted, fact: sign(device, soon(home, 1), statusOf(6))},
		{name: "card of a node that is no member", code: mpp.CodeNotAdmitted, fact: card},
		{name: "host fact of a node that is no member", code: mpp.CodeNotAdmitted,
			fact: must(record.Sign(node, realm, soon(home, 1), new(record.Host)))},
	}
}

// canary has a hostile member say something true, again until the listener
// holds it: what the member said before, by the same way, has reached A.
func (l *line) canary(m *hostile.Member) *record.Fact {
	l.t.Helper()
	l.canaries++
	f := sign(l.phone.deviceKey(), soon(l.phone.account(), int64(l.canaries)),
		&record.Event{Channel: "main", Tag: []byte("canary in a mine"), Payload: []byte("tweet")})
	for {
		m.Fed.Gossip([]*record.Fact{f})
		ctx, cancel := context.WithTimeout(testContext(l.t), 50*time.Millisecond)
		err := l.listener.AwaitHeld(ctx, f)
		cancel()
		if err == nil {
			return f
		}
		if testContext(l.t).Err() != nil {
			l.t.Fatal("an honest fact of a hostile member did not reach the listener")
		}
	}
}

// verdict is what has to be true whatever was tried: A and B hold what they held
// and the honest facts since, and no forgery was ever heard by the listener.
func (l *line) verdict(before []*record.Fact, tried []forgery, honest ...*record.Fact) {
	l.t.Helper()
	want := make(map[record.Key]*record.Fact)
	for _, f := range append(before, honest...) {
		if f.Newer(want[f.Key()]) {
			want[f.Key()] = f
		}
	}
	var set []*record.Fact
	for _, f := range want {
		set = append(set, f)
	}
	all, held := l.settled()
	if all != digestOf(set) {
		l.t.Errorf("A and B hold %d facts, want the %d they held", len(held), len(set))
		for _, f := range held {
			if w := want[f.Key()]; w == nil || w.Hash() != f.Hash() {
				l.t.Errorf("they hold a %s fact of serial %d besides", f.Kind, f.Serial)
			}
		}
	}
	heard := l.listener.Heard()
	for _, f := range heard {
		if f.Verify() != nil {
			l.t.Errorf("the listener heard a %s fact whose signature does not hold", f.Kind)
		}
		for _, x := range tried {
			if f.Hash() == x.fact.Hash() && !x.spoils {
				l.t.Errorf("the listener heard: %s", x.name)
			}
		}
	}
	l.t.Logf("the listener heard %d facts", len(heard))
}

// "A forged fact (wrong key, older serial, other account, revoked author, an
// account nobody hosts) sent by a hostile node is neither merged nor passed on",
// whichever way it comes.
func TestForgedFacts(t *testing.T) {
	l := newLine(t)
	for _, way := range []struct {
		name string
		try  func(*line)
	}{{"gossip", (*line).gossip}, {"forward", (*line).forward}, {"sync", (*line).sync},
		{"device", (*line).device}, {"corrupt copy of a device's own", (*line).corruptCopy}} {
		t.Run(way.name, func(t *testing.T) {
			l.t = t
			way.try(l)
		})
	}
	// The ways were open all the time, and the people noticed nothing.
	l.t = t
	if r := l.phone.publish(client.Post{Data: []byte("still here")}); r.Copies != 2 {
		t.Errorf("a post has %d copies, want 2", r.Copies)
	}
}

// gossip lies over gossipsub.
func (l *line) gossip() {
	// Five rejected messages of one member are one too many (see the scores in
	// package federation): the canaries would not be heard.
	liar, spoiler := l.member(), l.member()
	_, before := l.settled()
	tried := l.forgeries()
	for _, x := range tried {
		m := liar
		if x.spoils {
			m = spoiler
		}
		m.Fed.Gossip(message(x.fact))
	}
	l.canary(spoiler)
	l.canary(liar)
	// All of the tolerable ones in one message, with an honest fact among them:
	// that one goes on alone.
	var batch []*record.Fact
	for _, x := range tried {
		if !x.offence && !x.spoils {
			batch = append(batch, x.fact)
		}
	}
	among := sign(l.phone.deviceKey(), soon(l.phone.account(), 1), statusOf(7))
	liar.Fed.Gossip(append(batch[:federation.MaxBatch-1:federation.MaxBatch-1], among))
	check(l.t, l.listener.AwaitHeld(testContext(l.t), among))
	// A corrupt copy of what is held spoils the message it comes in.
	spoilt := sign(l.phone.deviceKey(), soon(l.phone.account(), 1), statusOf(8))
	spoiler.Fed.Gossip(append([]*record.Fact{spoilt}, message(must(hostile.Corrupt(l.status)))[1:]...))
	l.canary(spoiler)
	honest := l.canary(liar)
	l.verdict(before, append(tried, forgery{name: "what came with a corrupt copy", fact: spoilt}), honest, among)
}

// message is a fact as often as one gossip message holds facts, so that nothing
// else comes in the same one.
func message(f *record.Fact) []*record.Fact {
	return slices.Repeat([]*record.Fact{f}, federation.MaxBatch)
}

// forward lies over /mpp/forward/1: no copy is confirmed, and who forges is
// thrown out.
func (l *line) forward() {
	liar := l.member()
	tried := l.forgeries()
	forgers := make(map[string]*hostile.Member)
	for _, x := range tried {
		if x.offence {
			forgers[x.name] = l.member()
		}
	}
	corrupt := l.member()
	_, before := l.settled()
	for _, x := range tried {
		if x.offence || x.spoils {
			continue
		}
		results, err := liar.Forward(testContext(l.t), l.a.name(), x.fact)
		check(l.t, err)
		if len(results) != 1 || results[0].Code != x.code {
			l.t.Errorf("%s: A answers %v, want %s", x.name, results, x.code.Name())
		}
	}
	for _, x := range tried {
		m := forgers[x.name]
		if x.spoils {
			m = corrupt
		}
		if m == nil {
			continue
		}
		if results, err := m.Forward(testContext(l.t), l.a.name(), x.fact); err == nil {
			l.t.Errorf("%s: A answers %v", x.name, results)
		}
		if !x.shell {
			until(l.t, "A throws out the forger of: "+x.name, func() bool { return len(m.Fed.Members()) == 0 })
		}
	}
	l.verdict(before, tried, l.canary(liar))
}

// sync lies over /mpp/sync/1, begun by either side: what the liar offers under
// rows that nobody can resist, and what it gives unasked.
func (l *line) sync() {
	liar, forger, spoiler := l.member(), l.member(), l.member()
	_, before := l.settled()
	tried := l.forgeries()
	var tolerable []*record.Fact
	for _, x := range tried {
		switch {
		case x.shell:
		case x.offence:
			forger.Offer(x.fact)
		case x.spoils:
			spoiler.Offer(x.fact)
		default:
			tolerable = append(tolerable, x.fact)
		}
	}
	liar.Offer(tolerable...)
	for _, m := range []*hostile.Member{liar, spoiler} {
		check(l.t, m.Fed.SyncNow(testContext(l.t))) // gives
		check(l.t, m.AwaitAsked(testContext(l.t)))  // is asked
	}
	until(l.t, "A throws out the forger", func() bool { return len(forger.Fed.Members()) == 0 })
	l.verdict(before, tried, l.canary(liar))
}

// device lies as a device of another account does, over its own connection.
func (l *line) device() {
	_, before := l.settled()
	tried := l.forgeries()
	thief := l.twin(l.mallory)
	for _, x := range tried {
		answer, err := thief.Offer(x.fact)
		check(l.t, err)
		for _, r := range answer.Results {
			if code := r.Code.Code(); code.Success() && !x.spoils {
				l.t.Errorf("%s: A answers %s", x.name, code.Name())
			}
		}
		if x.fact.Kind != record.KindEvent {
			continue
		}
		posted, err := thief.Publish(x.fact)
		check(l.t, err)
		if code := posted.Result.Code.Code(); code.Success() {
			l.t.Errorf("%s, posted: A answers %s", x.name, code.Name())
		}
	}
	l.verdict(before, tried)
}

// twin is a device by hand with the keys of somebody's, connected to A.
func (l *line) twin(of *person) *hostile.Device {
	l.t.Helper()
	l.twins++ // the node remembers what was drawn from a seed
	d := must(hostile.Twin(l.twins, of.staticKey(), of.deviceKey(), of.account()))
	l.t.Cleanup(d.Close)
	at, expect := l.a.devices()
	check(l.t, d.Dial(at, expect))
	return d
}

// corruptCopy offers a fact whose hash is held, under a corrupt signature, as the
// device that signed it. It is not passed on, or B would take A for its forger.
func (l *line) corruptCopy() {
	_, before := l.settled()
	twin := l.twin(l.phone)
	corrupt := must(hostile.Corrupt(l.status))
	// What it is answered does not matter: the true one is held.
	_, err := twin.Publish(corrupt)
	check(l.t, err)
	_, err = twin.Offer(corrupt)
	check(l.t, err)
	l.verdict(before, nil)
	if r := l.phone.publish(client.Post{Data: []byte("my node is honest")}); r.Copies != 2 {
		l.t.Errorf("a post has %d copies, want 2: B has thrown A out", r.Copies)
	}
}
