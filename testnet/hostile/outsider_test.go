package hostile_test

import (
	"encoding/binary"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/client"
	"meshpresence/testnet/hostile"
)

// Protocols that a member may use.
var (
	gossipProtocols = []protocol.ID{"/meshsub/1.3.0", "/meshsub/1.2.0", "/meshsub/1.1.0", "/meshsub/1.0.0", "/floodsub/1.0.0"}
	memberProtocols = []protocol.ID{"/mpp/sync/1", "/mpp/forward/1"}
	helloProtocol   = protocol.ID("/mpp/hello/1")
)

// outsider is a libp2p host that no realm admitted, and what it was told.
type outsider struct {
	host.Host
	mu   sync.Mutex
	told map[protocol.ID]int // bytes on streams that the node opened
}

func newOutsider(t *testing.T) *outsider {
	t.Helper()
	private, _, err := crypto.GenerateEd25519Key(nil)
	check(t, err)
	h, err := libp2p.New(
		libp2p.Identity(private), libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New), libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.Ping(false),
	)
	check(t, err)
	t.Cleanup(func() { h.Close() })
	o := &outsider{Host: h, told: make(map[protocol.ID]int)}
	for _, id := range slices.Concat(gossipProtocols, memberProtocols, []protocol.ID{helloProtocol}) {
		h.SetStreamHandler(id, o.listen)
	}
	return o
}

// listen counts what the node says on a stream that it opened.
func (o *outsider) listen(s network.Stream) {
	b, _ := io.ReadAll(s)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told[s.Protocol()] += len(b)
}

// ask writes a request on a stream of a protocol; the answer's bytes come when
// the node has ended it.
func (o *outsider) ask(t *testing.T, to peer.ID, id protocol.ID, request []byte) (answer <-chan int) {
	t.Helper()
	s, err := o.NewStream(testContext(t), to, id)
	check(t, err)
	if _, err := s.Write(request); err != nil {
		t.Fatal(err)
	}
	got := make(chan int, 1)
	go func() {
		b, _ := io.ReadAll(s)
		got <- len(b)
	}()
	return got
}

// frame is one request of a stream protocol.
func frame(ask string, facts ...*record.Fact) []byte {
	b := jsonbcd.AppendObject(make([]byte, 4))
	b = jsonbcd.AppendString(jsonbcd.AppendName(b, "Ask"), ask)
	b = jsonbcd.AppendArray(jsonbcd.AppendName(b, "Facts"))
	for _, f := range facts {
		b = f.Append(b)
	}
	b = jsonbcd.AppendObjectEnd(jsonbcd.AppendArrayEnd(b))
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// subscription is a gossipsub RPC that joins a topic.
func subscription(topic string) []byte {
	inner := append([]byte{0x08, 1, 0x12, byte(len(topic))}, topic...)
	rpc := append([]byte{0x0a, byte(len(inner))}, inner...)
	return append([]byte{byte(len(rpc))}, rpc...)
}

// A peer that is no member is told nothing: not by gossip, not over a stream
// that it opens or that the node does, whatever it shows.
func TestOutsiderIsToldNothing(t *testing.T) {
	a := startNode(t, nil)
	over, _, _ := a.peers("tcp")
	b := startNode(t, a, over)
	agree(t, a, b)
	phone := newAccount(t, "phone", a.DeviceAddress())
	phone.publish(client.Post{Data: []byte("not for you")})
	before := agree(t, a, b)
	realm := must(key.LoadRealm(a.realmFile(), nil))

	admit := func(by *key.Realm, node key.Hash) *record.Fact {
		return must(record.Sign(by, by.Author().Hash(), lasting(key.Hash{}, 1), &record.Member{Node: node}))
	}
	for name, shown := range map[string]func(me key.Hash) []*record.Fact{
		"nothing":                          func(key.Hash) []*record.Fact { return nil },
		"a member fact of another realm":   func(me key.Hash) []*record.Fact { return []*record.Fact{admit(must(key.NewRealm()), me)} },
		"a member fact of another node":    func(key.Hash) []*record.Fact { return []*record.Fact{admit(realm, b.name())} },
		"a member fact that nobody signed": func(me key.Hash) []*record.Fact { return []*record.Fact{must(hostile.Corrupt(admit(realm, me)))} },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutsider(t)
			o.tries(t, a, realm.Author().Hash(), shown(o.name(t)))
			if digest(t, a) != before {
				t.Error("an outsider changed what the node holds")
			}
		})
	}
	// The control: what the outsider is not told, a member is.
	m := must(hostile.NewMember(testContext(t), realm.Author().Hash(), realm, over))
	t.Cleanup(func() { m.Fed.Close() })
	until(t, "a member is told what the node holds", func() bool { return digestOf(m.Held()) == digest(t, a) })
}

// name is the hash of the outsider's key, as a node's name is made.
func (o *outsider) name(t *testing.T) key.Hash {
	t.Helper()
	raw, err := o.Peerstore().PubKey(o.ID()).Raw()
	check(t, err)
	return must(key.ParseAuthor(append([]byte{1}, raw...))).Hash()
}

// tries connects and asks by every protocol; then it shows what it has.
func (o *outsider) tries(t *testing.T, a *site, realm key.Hash, shown []*record.Fact) {
	t.Helper()
	over, _, _ := a.peers("tcp")
	to := must(peer.AddrInfoFromString(over))
	check(t, o.Connect(testContext(t), *to))
	answers := make(map[protocol.ID]<-chan int)
	for _, id := range gossipProtocols {
		if slices.Contains(must(o.Peerstore().SupportsProtocols(to.ID, id)), id) {
			answers[id] = o.ask(t, to.ID, id, subscription("/mpp/1/"+realm.String()+"/"))
		}
	}
	if len(answers) == 0 {
		t.Fatal("the node offers no gossip protocol that this test knows")
	}
	answers["/mpp/sync/1"] = o.ask(t, to.ID, "/mpp/sync/1", frame("sums"))
	answers["/mpp/forward/1"] = o.ask(t, to.ID, "/mpp/forward/1", frame("list"))
	// Until now the node waits for what the outsider has to show.
	answers[helloProtocol] = o.ask(t, to.ID, helloProtocol, frame("hello", shown...))
	for id, answer := range answers {
		select {
		case n := <-answer:
			if n > 0 {
				t.Errorf("%s: the node answered %d bytes", id, n)
			}
		case <-testContext(t).Done():
			t.Fatalf("%s: the stream of an outsider stays open", id)
		}
	}
	until(t, "the outsider is disconnected", func() bool { return o.Network().Connectedness(to.ID) != network.Connected })
	o.again(t, *to)
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, n := range o.told {
		if n > 0 {
			t.Errorf("%s: the node said %d bytes unasked", id, n)
		}
	}
}

// again tries once more: the node hangs up before anything is said.
func (o *outsider) again(t *testing.T, to peer.AddrInfo) {
	t.Helper()
	if err := o.Connect(testContext(t), to); err != nil {
		return
	}
	s, err := o.NewStream(testContext(t), to.ID, "/mpp/sync/1")
	if err != nil {
		return
	}
	if _, err = s.Write(frame("sums")); err != nil {
		return
	}
	if b, _ := io.ReadAll(s); len(b) > 0 {
		t.Errorf("the node answered %d bytes at the second try", len(b))
	}
}
