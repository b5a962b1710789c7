package mdns

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
)

// loopback is the name of the loopback interface, if multicast works on it.
func loopback(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Skipf("no interfaces: %v", err)
	}
	i := slices.IndexFunc(all, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 })
	if i < 0 {
		t.Skip("no loopback interface is up")
	}
	s, err := openStation(Config{Interfaces: []string{all[i].Name}}.withDefaults())
	if err != nil {
		t.Skipf("no multicast DNS here: %v", err)
	}
	defer s.close()
	mark := []byte("is anybody there? " + fresh(t))
	for _, l := range s.scan(time.Now()) {
		s.send(l, mark)
	}
	limit := time.After(10 * time.Second)
	for {
		select {
		case p := <-s.packets:
			if bytes.Equal(p.data, mark) && s.link(p) != nil {
				return all[i].Name
			}
		case <-limit:
			t.Skipf("multicast does not work on %s", all[i].Name)
		}
	}
}

// fresh is the fingerprint of a key made now: other tests on this machine may
// announce nodes too.
func fresh(t *testing.T) string {
	t.Helper()
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	return static.Public().UDF()
}

func announce(t *testing.T, on string) (*Announcement, Config) {
	t.Helper()
	cfg := Config{Fingerprint: fresh(t), Port: 6770, Peers: []string{tcp}, Interfaces: []string{on}}
	a, err := Announce(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, cfg
}

func TestAnnouncedNodesAreFound(t *testing.T) {
	lo := loopback(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, one := announce(t, lo)
	_, two := announce(t, lo)

	r := &Resolver{Interfaces: []string{lo}, Wait: time.Minute}
	found, err := r.Resolve(ctx, two.Fingerprint)
	if err != nil || len(found) == 0 || found[0].Addr != netip.MustParseAddrPort("127.0.0.1:6770") ||
		found[0].Fingerprint != two.Fingerprint || found[0].Source != Name {
		t.Errorf("found %v, %v", found, err)
	}

	searching, enough := context.WithCancel(ctx)
	here := make(map[string]Entry)
	err = Browse(searching, Config{Interfaces: []string{lo}}, func(e Entry) {
		switch {
		case e.Gone && e.Fingerprint == one.Fingerprint:
			enough()
		case e.Fingerprint == one.Fingerprint, e.Fingerprint == two.Fingerprint:
			if here[e.Fingerprint] = e; len(here) == 2 {
				a.Close() // says goodbye
			}
		}
	})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("searching: %v, %v; heard %v", err, ctx.Err(), here)
	}
	if e := here[one.Fingerprint]; !slices.Equal(e.Peers, []string{tcp}) || len(e.Addrs) == 0 {
		t.Errorf("heard %v", e)
	}
	a.Close() // twice
}

func TestNothingToAnnounce(t *testing.T) {
	for _, cfg := range []Config{{}, {Fingerprint: fp}, {Fingerprint: "x", Port: 1}} {
		if a, err := Announce(cfg); err == nil {
			a.Close()
			t.Errorf("%v was announced", cfg)
		}
	}
}

// "Multicast DNS answers are multicast at most once a second" (RFC 6762 §6),
// whoever asks how often.
func TestAnswersArePaced(t *testing.T) {
	now := time.Now()
	var turn turn
	turn.ask(now, nothing)
	if !turn.due.IsZero() {
		t.Fatal("an answer to nothing")
	}
	turn.ask(now, services)
	due := turn.due
	if wait := due.Sub(now); wait < answerMin || wait > answerMax {
		t.Errorf("an answer after %v", wait)
	}
	for range 1000 {
		turn.ask(now, all)
	}
	if turn.due != due || !turn.all || !turn.meta {
		t.Errorf("a thousand questions: %+v", turn)
	}
	turn.sent, turn.due = now, time.Time{}
	if turn.ask(now.Add(time.Millisecond), all); turn.due.Sub(now) < answerPause {
		t.Errorf("the next answer %v after the last", turn.due.Sub(now))
	}
}

func TestOnlyWhereItListens(t *testing.T) {
	v4, v6, lan := netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1")
	for _, test := range []struct {
		listen string
		want   []netip.Addr
	}{
		{"", []netip.Addr{v4, v6, lan}}, {"::", []netip.Addr{v4, v6, lan}}, {"0.0.0.0", []netip.Addr{v4}},
		{"192.168.1.2", []netip.Addr{v4}}, {"::ffff:192.168.1.2", []netip.Addr{v4}}, {"fe80::1%eth0", []netip.Addr{lan}}, {"127.0.0.1", nil},
	} {
		var cfg Config
		if test.listen != "" {
			cfg.Listen = netip.MustParseAddr(test.listen)
		}
		var got []netip.Addr
		for _, a := range []netip.Addr{v4, v6, lan} {
			if cfg.announces(a) {
				got = append(got, a)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("listening on %q announces %v, want %v", test.listen, got, test.want)
		}
	}
}

// Where the system does not tell the interface, the sender's address does; what
// comes by no interface of ours is nobody's.
func TestLinkOfAPacket(t *testing.T) {
	eth := &link{Interface: net.Interface{Index: 2, Name: "eth0"}, prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("fe80::/64")}}
	s := &station{links: map[int]*link{2: eth}}
	for _, test := range []struct {
		index int
		from  string
		want  *link
	}{
		{2, "10.0.0.1:5353", eth}, {3, "192.168.1.7:5353", nil}, {0, "192.168.1.7:5353", eth},
		{0, "[fe80::7%eth0]:5353", eth}, {0, "[fe80::7%eth1]:5353", nil}, {0, "10.0.0.1:5353", nil},
	} {
		if got := s.link(packet{index: test.index, from: netip.MustParseAddrPort(test.from)}); got != test.want {
			t.Errorf("from %s by %d: %v", test.from, test.index, got)
		}
	}
}
