package mdns

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	fp    = "MCCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E"
	other = "MDCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E"
	quic  = "/udp/6771/quic-v1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
	tcp   = "/tcp/6771/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func ports(list ...string) (out []netip.AddrPort) {
	for _, s := range list {
		out = append(out, netip.MustParseAddrPort(s))
	}
	return out
}

var node1 = Config{Fingerprint: fp, Port: 6770, Peers: []string{quic, tcp}}

// The bytes of an announcement, for other implementations.
const golden = "0000840000000005000000000c5f6d6d6d70726573656e6365045f756470056c6f63616c00000c00010000119400110e4d4343522d495057372d41554854c00cc02f0021800100000078001e000000001a72106d70702d6d6363726970773761756874056c6f63616c00c02f001080010000119400b82566703d4d4343522d495057372d415548542d493748562d465834412d434c44332d4c553745917032703d2f7564702f363737312f717569632d76312f7032702f313244334b6f6f5744704a3741733742574177524d6675315655325743714e6a76713338374a45594b44426a346b78366e58544e2c2f7463702f363737312f7032702f313244334b6f6f5744704a3741733742574177524d6675315655325743714e6a76713338374a45594b44426a346b78366e58544e106d70702d6d6363726970773761756874c01e00018001000000780004c0a80102c12e001c8001000000780010fe800000000000000000000000000001"

func TestAnnouncement(t *testing.T) {
	b := must(newService(node1).answer(addrs("192.168.1.2", "fe80::1"), false))
	if got := hex.EncodeToString(b); got != golden {
		t.Errorf("the announcement is\n%s, want\n%s", got, golden)
	}
	want := []Entry{{Fingerprint: fp, Addrs: ports("192.168.1.2:6770", "[fe80::1%eth0]:6770"), Peers: []string{quic, tcp}}}
	if got := entries(b, "eth0", false); !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	bye := must(newService(node1).answer(addrs("192.168.1.2"), true))
	if got := entries(bye, "eth0", false); len(got) != 1 || !got[0].Gone {
		t.Errorf("a goodbye is read as %v", got)
	}
}

// "no account, no realm, no host or user name": nothing but the key's hash and
// what the network knows of the node anyway.
func TestAnnouncementNamesNobody(t *testing.T) {
	b := must(newService(node1).answer(addrs("192.168.1.2"), false))
	if host, err := os.Hostname(); err == nil && len(host) > 3 && bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(host))) {
		t.Errorf("the host's name %q stands in the announcement", host)
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	allowed := []string{serviceName, "MCCR-IPW7-AUHT." + serviceName, "mpp-mccripw7auht.local."}
	for _, r := range m.Answers {
		if !slices.Contains(allowed, r.Header.Name.String()) {
			t.Errorf("a record is named %s", r.Header.Name)
		}
	}
}

// A key counts once, a string holds 255 bytes: what does not fit is left out.
func TestPeersFitOneString(t *testing.T) {
	cfg := node1
	cfg.Peers = []string{quic, "/not a peer", tcp, strings.Repeat("/x", 100) + "/p2p/ID", "/tcp/1/p2p/ID"}
	got := text(cfg)
	if want := []string{"fp=" + fp, "p2p=" + quic + "," + tcp + ",/tcp/1/p2p/ID"}; !slices.Equal(got, want) {
		t.Errorf("text %q, want %q", got, want)
	}
	cfg.Peers = nil
	if got := text(cfg); len(got) != 1 {
		t.Errorf("without peers: %q", got)
	}
}

// forged makes a message of records as anybody can send it.
type forged struct{ m dnsmessage.Message }

func forge() *forged {
	return &forged{dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: true}}}
}

func (f *forged) add(name string, body dnsmessage.ResourceBody) *forged {
	f.m.Additionals = append(f.m.Additionals, dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 120}, Body: body,
	})
	return f
}

func (f *forged) node(label, host string, port uint16, text ...string) *forged {
	f.add(label+"."+serviceName, &dnsmessage.SRVResource{Port: port, Target: dnsmessage.MustNewName(host)})
	return f.add(label+"."+serviceName, &dnsmessage.TXTResource{TXT: text})
}

func (f *forged) host(name string, list ...string) *forged {
	for _, a := range addrs(list...) {
		if a.Is4() {
			f.add(name, &dnsmessage.AResource{A: a.As4()})
		} else {
			f.add(name, &dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	return f
}

func (f *forged) bytes() []byte { return must(f.m.Pack()) }

func TestHostileMessages(t *testing.T) {
	for name, test := range map[string]struct {
		message  *forged
		loopback bool
		want     []Entry
	}{
		"whole": {forge().node("x", "h.local.", 1, "fp="+fp).host("h.local.", "10.0.0.1"), false,
			[]Entry{{Fingerprint: fp, Addrs: ports("10.0.0.1:1")}}},
		"names in another case": {forge().node("X", "H.Local.", 1, "FP="+strings.ToLower(fp)).host("h.LOCAL.", "10.0.0.1"), false,
			[]Entry{{Fingerprint: fp, Addrs: ports("10.0.0.1:1")}}},
		"the best address first": {forge().node("x", "h.local.", 1, "fp="+fp).host("h.local.", "fe80::1", "169.254.0.1", "2001:db8::1", "10.0.0.1", "10.0.0.1"), false,
			[]Entry{{Fingerprint: fp, Addrs: ports("10.0.0.1:1", "[2001:db8::1]:1", "169.254.0.1:1", "[fe80::1%eth0]:1")}}},
		"addresses of no neighbour": {forge().node("x", "h.local.", 1, "fp="+fp).
			host("h.local.", "127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:10.0.0.1"), false, nil},
		"loopback on loopback": {forge().node("x", "h.local.", 1, "fp="+fp).host("h.local.", "127.0.0.1"), true,
			[]Entry{{Fingerprint: fp, Addrs: ports("127.0.0.1:1")}}},
		"no fingerprint":      {forge().node("x", "h.local.", 1, "p2p="+tcp).host("h.local.", "10.0.0.1"), false, nil},
		"a bad fingerprint":   {forge().node("x", "h.local.", 1, "fp="+fp+"X").host("h.local.", "10.0.0.1"), false, nil},
		"no port":             {forge().node("x", "h.local.", 0, "fp="+fp).host("h.local.", "10.0.0.1"), false, nil},
		"no address":          {forge().node("x", "h.local.", 1, "fp="+fp).host("g.local.", "10.0.0.1"), false, nil},
		"another service":     {forge().add("x._http._tcp.local.", &dnsmessage.SRVResource{Port: 1, Target: dnsmessage.MustNewName("h.local.")}).host("h.local.", "10.0.0.1"), false, nil},
		"deeper":              {forge().node("x.y", "h.local.", 1, "fp="+fp).host("h.local.", "10.0.0.1"), false, nil},
		"a key twice":         {forge().node("x", "h.local.", 1, "fp="+fp, "fp="+other, "p2p="+tcp, "p2p="+quic).host("h.local.", "10.0.0.1"), false, []Entry{{Fingerprint: fp, Addrs: ports("10.0.0.1:1"), Peers: []string{tcp}}}},
		"peers to be printed": {forge().node("x", "h.local.", 1, "fp="+fp, "p2p=/tcp/1/p2p/\x1b[2J,/tcp/1,"+tcp+","+tcp+",/tcp/1/p2p/a b").host("h.local.", "10.0.0.1"), false, []Entry{{Fingerprint: fp, Addrs: ports("10.0.0.1:1"), Peers: []string{tcp}}}},
	} {
		if got := entries(test.message.bytes(), "eth0", test.loopback); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: read %v, want %v", name, got, test.want)
		}
	}
}

// One message holds at most maxInMessage nodes and maxRecords records, a node at
// most maxAddrs addresses.
func TestMessagesAreBounded(t *testing.T) {
	many := forge()
	for i := range 3 * maxInMessage {
		many.node("n"+string(rune('a'+i)), "h.local.", uint16(i+1), "fp="+fp)
	}
	if got := entries(many.host("h.local.", "10.0.0.1").bytes(), "", false); len(got) > maxInMessage {
		t.Errorf("%d nodes of one message", len(got))
	}
	wide := forge().node("x", "h.local.", 1, "fp="+fp)
	for i := range 3 * maxAddrs {
		wide.host("h.local.", netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}).String())
	}
	if got := entries(wide.bytes(), "", false); len(got) != 1 || len(got[0].Addrs) != maxAddrs {
		t.Errorf("a node of %d addresses is read as %v", 3*maxAddrs, got)
	}
	long := forge()
	for range maxRecords {
		long.add("x.local.", &dnsmessage.TXTResource{TXT: []string{"x"}})
	}
	long.node("x", "h.local.", 1, "fp="+fp).host("h.local.", "10.0.0.1")
	if got := entries(long.bytes(), "", false); got != nil {
		t.Errorf("past %d records: %v", maxRecords, got)
	}
}

func TestAsks(t *testing.T) {
	s := newService(node1)
	ask := func(response bool, known []dnsmessage.Resource, questions ...dnsmessage.Question) []byte {
		return must((&dnsmessage.Message{Header: dnsmessage.Header{Response: response}, Questions: questions, Answers: known}).Pack())
	}
	q := func(name string, kind dnsmessage.Type) dnsmessage.Question {
		return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET | topBit}
	}
	knows := func(instance string, ttl uint32) []dnsmessage.Resource {
		return []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(serviceName), Class: dnsmessage.ClassINET, TTL: ttl},
			Body:   &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(instance)},
		}}
	}
	browse := q(serviceName, dnsmessage.TypePTR)
	for name, test := range map[string]struct {
		message []byte
		want    asked
	}{
		"our own question":    {must(question()), all},
		"browse":              {ask(false, nil, browse), all},
		"any":                 {ask(false, nil, q(strings.ToUpper(serviceName), dnsmessage.TypeALL)), all},
		"the instance":        {ask(false, nil, q(s.instance, dnsmessage.TypeSRV)), all},
		"the host":            {ask(false, nil, q(s.host, dnsmessage.TypeAAAA)), all},
		"which services":      {ask(false, nil, q(metaName, dnsmessage.TypePTR)), services},
		"another service":     {ask(false, nil, q("_http._tcp.local.", dnsmessage.TypePTR)), nothing},
		"another type":        {ask(false, nil, q(serviceName, dnsmessage.TypeA)), nothing},
		"an answer":           {ask(true, nil, browse), nothing},
		"known":               {ask(false, knows(s.instance, ttlOther), browse), nothing},
		"known half its life": {ask(false, knows(s.instance, ttlOther/2-1), browse), all},
		"another is known":    {ask(false, knows("x."+serviceName, ttlOther), browse), all},
		"known, and its host": {ask(false, knows(s.instance, ttlOther), browse, q(s.host, dnsmessage.TypeA)), all},
		"rubbish":             {[]byte("rubbish"), nothing},
		"nothing":             {nil, nothing},
	} {
		if got := s.asks(test.message); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func FuzzMessages(f *testing.F) {
	s := newService(node1)
	f.Add(must(s.answer(addrs("192.168.1.2", "fe80::1"), false)))
	f.Add(must(s.answer(nil, true)))
	f.Add(must(s.meta()))
	f.Add(must(question()))
	f.Add(forge().node("x", "h.local.", 1, "fp="+fp, "p2p="+tcp).host("h.local.", "10.0.0.1", "::1").bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s.asks(b)
		list := entries(b, "eth0", false)
		if len(list) > maxInMessage {
			t.Fatalf("%d nodes of one message", len(list))
		}
		for _, e := range list {
			if len(e.Fingerprint) != len(fp) || len(e.Addrs) == 0 || len(e.Addrs) > maxAddrs || len(e.Peers) > maxPeers {
				t.Errorf("out of bounds: %+v", e)
			}
			for _, a := range e.Addrs {
				if !usable(a.Addr(), false) || a.Port() == 0 {
					t.Errorf("nobody is at %s", a)
				}
			}
			for _, p := range e.Peers {
				if !isPeer(p) {
					t.Errorf("no peer: %q", p)
				}
			}
		}
	})
}
