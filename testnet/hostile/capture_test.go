package hostile_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
	"meshpresence/testnet/hostile"
)

// What the people of the capture post: nobody on the wire is to read any of it.
const (
	channel     = "garden-of-forking-paths"
	label       = "kitchen-door-ajar"
	sealedWords = "the red fox crosses the frozen river at midnight"
	clearWords  = "an open letter that any node may read, but no eavesdropper"
)

// scene is a small realm at work while somebody looks on: two people of one
// account at two nodes, and a device that speaks by hand at the first.
type scene struct {
	t     testing.TB
	a     *site
	phone *person
	bare  *hostile.Device
}

// ends are the ports that are looked at, as a client sees them.
type ends struct {
	device netip.AddrPort // of node A
	peers  []string       // multiaddrs of node A, for one more node each
}

// play runs the scene. Everything it does passes the ports of node A.
func play(t testing.TB, a *site, at ends) *scene {
	t.Helper()
	s := &scene{t: t, a: a}
	nodes := []*site{a}
	for _, peer := range at.peers {
		nodes = append(nodes, startNode(t, a, peer))
	}
	agree(t, nodes...)
	s.phone = newAccount(t, "phone", s.a.behind(at.device))
	laptop := s.phone.invite("laptop", nodes[1].DeviceAddress())
	s.phone.watch()
	laptop.watch()
	s.phone.publish(client.Post{Channel: channel, Data: []byte(sealedWords)})
	s.phone.publish(client.Post{Channel: channel, Label: label, Data: []byte(sealedWords)})
	s.phone.publish(client.Post{Channel: channel, Label: label, Data: []byte(clearWords), Clear: true})
	laptop.want(sealedWords, sealedWords, clearWords)
	s.phone.want(sealedWords, sealedWords, clearWords)
	agree(t, nodes...)
	s.byHand(at.device)
	return s
}

// byHand has a device whose keys the test holds do the same at node A: found an
// account, watch, post, hear itself.
func (s *scene) byHand(at netip.AddrPort) {
	s.t.Helper()
	s.bare = must(hostile.NewDevice(1))
	s.t.Cleanup(s.bare.Close)
	_, expect := s.a.devices()
	check(s.t, s.bare.Dial(at, expect))
	check(s.t, s.bare.Found(must(key.NewAccount())))
	check(s.t, s.bare.Watch())
	sealed := must(s.bare.Post(channel, "", []byte(sealedWords), false))
	open := must(s.bare.Post(channel, label, []byte(clearWords), true))
	for _, f := range []*record.Fact{sealed, open} {
		answer, err := s.bare.Publish(f)
		check(s.t, err)
		if code := answer.Result.Code.Code(); code != mpp.CodeOK {
			s.t.Fatalf("posting by hand: answered %s", code.Name())
		}
	}
	check(s.t, s.bare.Until(func() bool { return len(must(s.bare.Delivered())) >= 2 }))
	check(s.t, s.bare.Beat()) // all before it, acknowledgements too, was sent
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// secrets are what the wire must not show of the scene.
func (s *scene) secrets() (list []hostile.Secret) {
	account := s.phone.accountKey().Author()
	h := account.Hash()
	list = append(list, hostile.Text("account as the client prints it", s.phone.Profile().Account())...)
	list = append(list, hostile.Text("account's fingerprint", account.UDF())...)
	list = append(list,
		hostile.Secret{Name: "account, raw", Bytes: h[:]},
		hostile.Secret{Name: "account's public key, raw", Bytes: account.Raw()},
	)
	list = append(list, s.bareSecrets()...)
	return append(list, s.words()...)
}

// bareSecrets are those of the device that speaks by hand.
func (s *scene) bareSecrets() []hostile.Secret {
	return []hostile.Secret{
		{Name: "account of the device by hand, raw", Bytes: s.bare.Account[:]},
		{Name: "key of the device by hand, raw", Bytes: s.bare.Key.Author().Raw()},
		{Name: "static key of the device by hand, raw", Bytes: s.bare.Static.Public().Raw()},
	}
}

// words are what the posts say, and the names of the messages.
func (s *scene) words() (list []hostile.Secret) {
	for _, text := range []string{channel, label, sealedWords, clearWords} {
		list = append(list, hostile.Secret{Name: fmt.Sprintf("%q", text), Bytes: []byte(text)})
	}
	for _, tag := range tags {
		list = append(list, hostile.Secret{Name: tag, Bytes: []byte(tag)})
	}
	return list
}

// tags are the messages that the scene sends.
var tags = []string{
	"PresenceConnectRequest", "PresenceConnectResponse", "PresenceHeartbeat", "PresenceStatus",
	"PresenceFactRequest", "PresenceFactResponse", "PresencePublishRequest", "PresencePublishResponse",
	"PresenceNotify", "PresenceAcknowledge",
}

// capture is what was recorded at each of the ports.
type capture struct {
	device []hostile.Packet // UDP, at the device port
	tcp    []hostile.Packet // at the peer port
	quic   []hostile.Packet // at the peer port
}

func (c capture) all() []hostile.Packet { return slices.Concat(c.device, c.tcp, c.quic) }

// judge looks for the secrets in what was recorded of the scene.
func (s *scene) judge(c capture) {
	s.t.Helper()
	for _, name := range hostile.Find(c.all(), s.secrets()) {
		s.t.Errorf("the capture shows: %s", name)
	}
	// The capture is of something.
	both := func(what string, packets []hostile.Packet, to netip.AddrPort) {
		in := len(slices.DeleteFunc(slices.Clone(packets), func(p hostile.Packet) bool { return p.To != to }))
		if in == 0 || in == len(packets) || hostile.Bytes(packets) < 4000 {
			s.t.Errorf("%s: %d packets, %d of them to the node, %d bytes: too little to judge by", what, len(packets), in, hostile.Bytes(packets))
		}
		s.t.Logf("%s: %d packets, %d bytes", what, len(packets), hostile.Bytes(packets))
	}
	device, _ := s.a.devices()
	both("device port", c.device, device)
	_, tcp, _ := s.a.peers("tcp")
	both("peer port over TCP", c.tcp, tcp)
	if c.quic != nil {
		_, quic, _ := s.a.peers("quic-v1")
		both("peer port over QUIC", c.quic, quic)
	}
}

// open is the control of the search: with the keys of the device by hand, its
// packets hold what the capture does not show.
func (s *scene) open(c capture) {
	s.t.Helper()
	_, expect := s.a.devices()
	mine := hostile.Between(c.device, s.bare.Addr())
	opener, err := s.bare.NewOpener(mine, expect)
	check(s.t, err)
	mine = opener.Split(mine)
	opened, err := opener.OpenAll(mine)
	check(s.t, err)
	toNode, toDevice := hostile.Texts(opened)
	plain := []hostile.Packet{{Data: toNode}, {Data: toDevice}}
	s.t.Logf("opened %d of the device's %d packets", len(opened), len(mine))

	inside := append(s.bareSecrets(), s.words()...)
	inside = slices.DeleteFunc(inside, func(x hostile.Secret) bool {
		return string(x.Bytes) == sealedWords // opened for nobody but the account
	})
	found := hostile.Find(plain, inside)
	for _, x := range inside {
		if !slices.Contains(found, x.Name) {
			s.t.Errorf("opened packets do not hold: %s", x.Name)
		}
	}
	if len(hostile.Find(plain, []hostile.Secret{{Name: "sealed", Bytes: []byte(sealedWords)}})) > 0 {
		s.t.Error("the node itself was told the words of a sealed post")
	}
}

// inClear is the other control: all secrets in one datagram to the device port
// and one TCP write to the peer port are found by the same search.
func (s *scene) inClear(device, peer netip.AddrPort, now func() capture) {
	s.t.Helper()
	var text []byte
	for _, x := range s.secrets() {
		text = append(append(text, x.Bytes...), ' ')
	}
	udp := must(net.Dial("udp", device.String()))
	defer udp.Close()
	must(udp.Write(text))
	tcp := must(net.Dial("tcp", peer.String()))
	defer tcp.Close()
	must(tcp.Write(text))
	all := len(s.secrets())
	until(s.t, "the clear datagram and the clear write are seen", func() bool {
		c := now()
		return len(hostile.Find(c.device, s.secrets())) == all && len(hostile.Find(c.tcp, s.secrets())) == all
	})
}

// "A capture at the device port and the peer port contains neither the account,
// nor a message tag, nor the payload": by relays in front of the ports.
func TestTapsSeeNoSecret(t *testing.T) {
	a := startNode(t, nil)
	device, _ := a.devices()
	udp := must(hostile.NewUDPTap("127.0.0.1:0", device))
	t.Cleanup(udp.Close)
	_, peer, id := a.peers("tcp")
	tcp := must(hostile.NewTCPTap(peer))
	t.Cleanup(tcp.Close)

	s := play(t, a, ends{udp.Addr(), []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", tcp.Addr().Port(), id)}})
	now := func() capture { return capture{device: udp.Packets(), tcp: tcp.Packets()} }
	s.judge(now())
	s.open(now())
	s.inClear(udp.Addr(), tcp.Addr(), now)
}
