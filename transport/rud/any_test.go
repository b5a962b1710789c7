package rud

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
)

// anything is a Handler that does whatever an owner may, at any moment, inside its
// methods too, to connections and streams in any state.
type anything struct {
	*host
	rng     *rand.Rand
	conns   []*Conn
	streams []*Stream
	told    map[*Conn]int // calls of Closed
	depth   int
	peer    *host
}

func (a *anything) Opened(_ time.Time, c *Conn) { a.alive(c); a.conns = append(a.conns, c); a.act() }
func (a *anything) Message(_ time.Time, c *Conn, m Message) {
	a.alive(c)
	a.act()
}
func (a *anything) Moved(_ time.Time, c *Conn) { a.alive(c); a.act() }
func (a *anything) Closed(_ time.Time, c *Conn, _ Reason) {
	a.told[c]++
	a.act()
}

func (a *anything) Accept(_ time.Time, c *Conn, s *Stream, _ []byte) bool {
	a.alive(c)
	a.streams = append(a.streams, s)
	a.act()
	return a.rng.IntN(3) > 0
}
func (a *anything) StreamOpened(_ time.Time, s *Stream) { a.act() }
func (a *anything) StreamClosed(_ time.Time, s *Stream) { a.act() }

func (a *anything) alive(c *Conn) {
	if a.told[c] > 0 {
		a.w.t.Error("the Handler hears of a connection after its end")
	}
}

// act does one thing, or nothing.
func (a *anything) act() {
	if a.depth > 3 || a.rng.IntN(3) == 0 {
		return
	}
	a.depth++
	defer func() { a.depth-- }()
	now := a.w.now
	if len(a.conns) == 0 || a.rng.IntN(60) == 0 {
		to := a.peer.target()
		switch a.rng.IntN(3) {
		case 0:
			to.FirstContact = true
		case 1:
			to.Early = []byte("early")
		case 2:
			var c *Conn
			to.Pin = handshake.Pin{Accept: func(key.Agreement) bool {
				if c != nil && a.rng.IntN(4) == 0 {
					c.Close(now)
				}
				return a.rng.IntN(4) > 0
			}}
			if c, _ = a.Dial(now, to); c != nil {
				a.conns = append(a.conns, c)
			}
			return
		}
		if c, err := a.Dial(now, to); err == nil {
			a.conns = append(a.conns, c)
		}
		return
	}
	c := a.conns[a.rng.IntN(len(a.conns))]
	s := &c.main
	if len(a.streams) > 0 && a.rng.IntN(2) == 0 {
		s = a.streams[a.rng.IntN(len(a.streams))]
	}
	payload := make([]byte, []int{0, 1, 400, 1500, 9000, 30000}[a.rng.IntN(6)])
	addr := mustAddrPort("203.0.113.9", 1+a.rng.IntN(3))
	switch a.rng.IntN(22) {
	case 0:
		if a.rng.IntN(3) == 0 {
			c.Close(now)
		}
	case 1, 2:
		kind := Kind(a.rng.IntN(4))
		if st, err := c.Open(now, Binding{Kind: kind, Sender: a.rng.IntN(2) == 0, Protocol: "p"}, payload); err == nil {
			a.streams = append(a.streams, st)
		}
	case 3, 4:
		_, _ = c.Send(now, payload)
	case 5:
		_, _ = c.SendProbe(now, addr, payload)
	case 6:
		_ = c.Roll(now)
	case 7:
		_ = s.Renew(now)
	case 8:
		if a.rng.IntN(4) == 0 {
			_ = s.AskOneTime(now)
		}
	case 9:
		c.Rebind(now)
	case 10:
		if a.rng.IntN(4) == 0 {
			c.RebindTo(now, addr)
		} else {
			c.RebindTo(now, a.peer.addr)
		}
	case 11:
		_ = c.Paths(now)
		_, _ = c.Remnant()
		_ = c.KeyAge(now)
		_ = c.MaxPayload()
		_ = c.Acknowledged(uint64(a.rng.IntN(80)))
		_ = c.String() + s.String()
	case 12, 13:
		_, _ = s.Send(now, payload)
	case 14:
		_, _ = s.SendMore(now, payload)
	case 15:
		_ = s.Acknowledged(uint64(a.rng.IntN(80)))
		_ = s.MaxPayload()
		_ = s.Binding()
	case 16:
		s.Close(now)
	case 17:
		if r, ok := c.Remnant(); ok && a.rng.IntN(10) == 0 {
			a.SendReset(now, r)
		}
	}
}

// fails is randomness that ends in the middle of one draw in eight.
type fails struct {
	io.Reader
	rng *rand.Rand
}

func (f fails) Read(p []byte) (int, error) {
	if f.rng.IntN(8) > 0 {
		return f.Reader.Read(p)
	}
	n, _ := f.Reader.Read(p[:len(p)/2])
	return n, io.ErrUnexpectedEOF
}

// Whatever owners do, in any order and inside any callback, in bad weather: nothing
// panics, nobody seals twice under one key and number, nothing is told after the end,
// and nothing is left. In some worlds randomness fails now and then.
func TestAnyOrderOfCalls(t *testing.T) {
	for seed := range seeds(12, 2000) {
		anyOrder(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func anyOrder(t *testing.T, seed uint64) {
	w := newWorld(t, seed)
	var hosts []*anything
	for _, addr := range []string{"192.0.2.1:6770", "198.51.100.2:40000"} {
		a := &anything{told: make(map[*Conn]int), rng: rand.New(rand.NewPCG(seed, uint64(len(hosts))))}
		a.host = w.add(addr, true, func(cfg *Config) {
			cfg.Handler = a
			if seed%4 == 3 {
				cfg.Rand = fails{cfg.Rand, a.rng}
			}
		})
		hosts = append(hosts, a)
	}
	hosts[0].peer, hosts[1].peer = hosts[1].host, hosts[0].host
	w.run(pastBoot)
	type used struct {
		keys   keys
		number uint32
	}
	seen := make(map[used]bool)
	x := &seals{w: w}
	w.tap = func(from, to netipAddrPort, packet []byte) {
		s, n := x.stream(from, to, packet)
		if s == nil {
			return
		}
		var mem scratch
		h, err := s.out.readHeaderAfter(&mem, packet, n)
		if err != nil {
			return
		}
		if _, err = s.out.unsealAfter(&mem, packet, n, h.Number); err != nil {
			return // another connection's
		}
		if u := (used{*s.out.keys, h.Number}); seen[u] {
			t.Errorf("two seals under one key and number %d", h.Number)
		} else {
			seen[u] = true
		}
	}
	w.loss, w.again, w.jitter, w.overtake = 0.1, 0.05, 100*time.Millisecond, 0.2
	for range 300 {
		i := w.rng.IntN(2)
		a := hosts[i]
		a.act()
		w.run(time.Duration(w.rng.IntN(3000)) * time.Millisecond)
		if w.rng.IntN(40) == 0 {
			a.host.moveTo(mustAddrPort("198.51.100.9", 1000*(i+1)+w.rng.IntN(1000)).String())
		}
	}
	for _, a := range hosts {
		a.depth = 10
	}
	for _, a := range hosts {
		for _, c := range a.conns {
			c.Close(w.now)
		}
	}
	w.run(provisionalFor + time.Second) // with what was on its way
	for _, a := range hosts {
		for _, s := range a.Endpoint.streams {
			s.c.Close(w.now)
		}
		a.wantNothing()
		if len(a.gate.proved) != 0 || len(a.Endpoint.streams) != 0 || a.oneTime.out != 0 || a.gate.dialling != 0 {
			t.Errorf("left: %v proved, %d streams, %d one-time, %d dialling", a.gate.proved, len(a.Endpoint.streams), a.oneTime.out, a.gate.dialling)
		}
		for c, n := range a.told {
			if n != 1 {
				t.Errorf("%v: told %d times", c, n)
			}
		}
	}
}
