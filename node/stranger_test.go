package node

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/testnet/hostile"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/wire"
)

// besieged is a running node, a device connected to it, and strangers.
type besieged struct {
	t      *testing.T
	node   *Node
	device *hostile.Device
	tap    *hostile.UDPTap // in front of the device
	logged *logCount
	known  [][]byte // packets of the device to the node
}

func besiege(t *testing.T, rate int) *besieged {
	t.Helper()
	s := &besieged{t: t, logged: new(logCount)}
	var err error
	s.node, err = Start(t.Context(), Config{
		State: filepath.Join(t.TempDir(), "node"), Listen: "127.0.0.1:0", PeerListen: []string{"/ip4/127.0.0.1/tcp/0"},
		HandshakeRate: rate, Log: slog.New(s.logged), OpenAccounts: true,
	})
	s.check(err)
	t.Cleanup(func() { s.node.Close() })
	s.tap, err = hostile.NewUDPTap("127.0.0.1:0", s.at())
	s.check(err)
	t.Cleanup(s.tap.Close)
	s.device, err = hostile.NewDevice(3)
	s.check(err)
	t.Cleanup(s.device.Close)
	s.check(s.device.Dial(s.tap.Addr(), s.node.keys.rud.Public().Expect()))
	account, err := key.NewAccount()
	s.check(err)
	s.check(s.device.Found(account))
	s.check(s.device.Beat())
	for _, p := range s.tap.Packets() {
		if p.To == s.at() {
			s.known = append(s.known, p.Data)
		}
	}
	return s
}

// toDevice counts what the node sent to the device.
func (s *besieged) toDevice() (n uint64) {
	for _, p := range s.tap.Packets() {
		if p.From == s.at() {
			n++
		}
	}
	return n
}

// until waits for a condition that has no signal.
func (s *besieged) until(what string, ok func() bool) {
	s.t.Helper()
	late := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-time.After(100 * time.Microsecond):
		case <-late:
			s.t.Fatalf("waiting until %s: it did not come", what)
		}
	}
}

func (s *besieged) at() netip.AddrPort { return s.node.port.LocalAddr() }

func (s *besieged) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *besieged) stranger() *hostile.Stranger {
	s.t.Helper()
	one, err := hostile.NewStranger(s.at())
	s.check(err)
	s.t.Cleanup(one.Close)
	return one
}

// posture is what a stranger could change.
type posture struct {
	conns, sessions, watching, devices, busy, facts int
}

func (s *besieged) posture() (p posture) {
	s.t.Helper()
	s.ask(func() {
		n := s.node
		p = posture{n.ep.Len(), len(n.sessions), len(n.watching), len(n.devices), len(n.busy), n.reg.Len()}
	})
	return p
}

func (s *besieged) stats() (st rud.Stats) {
	s.t.Helper()
	s.ask(func() { st = s.node.ep.Stats() })
	return st
}

func (s *besieged) ask(f func()) {
	s.t.Helper()
	if !s.node.do(s.t.Context(), func(time.Time) { f() }) {
		s.t.Fatal("the node does not answer")
	}
}

// read counts the datagrams that the node took from its socket.
func (s *besieged) read() uint64 {
	c := s.node.port.Counters()
	return uint64(c.Received + c.Oversize)
}

// pace sends to the node no faster than it reads, so that the kernel loses
// nothing, and knows how many datagrams it was sent.
type pace struct {
	*besieged
	sent uint64
}

func (s *besieged) pace() *pace { return &pace{s, s.read()} }

// queued is how many datagrams may wait in the socket's queue.
const queued = 64

func (p *pace) send(from *hostile.Stranger, data []byte) {
	p.t.Helper()
	p.check(from.Send(data))
	if p.sent++; p.sent%(queued/2) == 0 {
		p.until("the node reads on", func() bool { return p.read()+queued/2 >= p.sent })
	}
}

// done waits until the node has judged all of it.
func (p *pace) done() {
	p.t.Helper()
	p.until("the node judged all that was sent", func() bool {
		return p.stats().Received+uint64(p.node.port.Counters().Oversize) >= p.sent
	})
}

// logCount counts log lines.
type logCount struct{ lines atomic.Int64 }

func (*logCount) Enabled(context.Context, slog.Level) bool { return true }
func (c *logCount) Handle(context.Context, slog.Record) error {
	c.lines.Add(1)
	return nil
}
func (c *logCount) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c *logCount) WithGroup(string) slog.Handler      { return c }

// "Strangers: 100,000 random, truncated and wrong-id datagrams get zero bytes
// back and leave no state." Each of them is counted at the node: none was lost
// on the way.
func TestStrangersGetSilence(t *testing.T) {
	const total, crowd = 100_000, 5
	s := besiege(t, 0)
	rubbish := hostile.NewRubbish(1, s.known)
	strangers := make([]*hostile.Stranger, crowd)
	for i := range strangers {
		strangers[i] = s.stranger()
	}
	before, logged := s.posture(), s.logged.lines.Load()
	pace, kinds := s.pace(), make(map[string]int)
	for i := range total {
		kind, data := rubbish.Next()
		pace.send(strangers[i%crowd], data)
		kinds[kind]++
	}
	pace.done()
	if now := s.posture(); now != before {
		t.Errorf("strangers left state: %+v, before %+v", now, before)
	}
	if n := s.logged.lines.Load() - logged; n > 0 {
		t.Errorf("strangers caused %d log lines", n)
	}
	// All that left was for the device, which has not acknowledged everything.
	s.until("the device got all that the node sent", func() bool { return s.stats().Sent == s.toDevice() })
	for _, one := range strangers {
		got, err := one.Settle()
		s.check(err)
		if len(got) > 0 {
			t.Errorf("a stranger got %d packets, the first %x", len(got), got[0])
		}
	}
	s.check(s.device.Beat())
	t.Logf("sent %v; outcomes %v", kinds, s.stats().Handshake)
}

// "A flipped but still well-formed Hello may get its one Challenge and nothing
// else; answers never exceed what was received." Every bit of both sizes.
func TestFlippedHelloGetsOneChallenge(t *testing.T) {
	const idAt, expectEnd = wire.SizeZeros + 3, wire.SizeZeros + 3 + wire.SizeID + wire.SizeExpect
	s := besiege(t, 1_000_000)
	one := s.stranger()
	before := s.posture()
	for _, size := range []int{wire.SmallPacket, wire.MaxPacket} {
		hello, _, err := hostile.Hello(size)
		s.check(err)
		want := make(map[wire.ID]int) // Challenges, by the id they begin with
		sent, chosen := 0, 0
		var answers [][]byte
		settle := func() {
			got, err := one.Settle()
			s.check(err)
			answers = append(answers, got...)
		}
		for bit := range 8 * size {
			flipped := bytes.Clone(hello)
			flipped[bit/8] ^= 1 << (bit % 8)
			s.check(one.Send(flipped))
			sent += size
			if at := bit / 8; at >= idAt && at < expectEnd {
				want[wire.ID(flipped[idAt:idAt+wire.SizeID])]++
				chosen++
			}
			if bit%queued == queued-1 {
				settle()
			}
		}
		settle()
		got := 0
		for _, a := range answers {
			got += len(a)
			id, _ := wire.First(a)
			if want[id]--; !hostile.IsChallenge(a) || want[id] < 0 || len(a) > size {
				t.Errorf("answered %d bytes %.20x", len(a), a)
			}
		}
		if len(answers) != chosen {
			t.Errorf("%d Challenges, want one for each of the %d Hellos whose sender may choose that bit", len(answers), chosen)
		}
		if got > sent {
			t.Errorf("%d bytes back for %d", got, sent)
		}
	}
	if now := s.posture(); now != before {
		t.Errorf("Hellos left state: %+v, before %+v", now, before)
	}
}

// Bent packets of a live connection, from its own address and from others, do
// not harm it.
func TestBentPacketsOfAConnection(t *testing.T) {
	s := besiege(t, 0)
	thief := s.stranger()
	data := slices.DeleteFunc(slices.Clone(s.known), func(p []byte) bool { return hostile.FirstKind(p) != 0 })
	before := s.posture()
	pace, sent := s.pace(), 0
	for _, p := range data {
		for bit := 0; bit < 8*len(p); bit += 7 {
			bent := bytes.Clone(p)
			bent[bit/8] ^= 1 << (bit % 8)
			pace.send(thief, bent)
			sent++
		}
	}
	pace.done()
	got, err := thief.Settle()
	s.check(err)
	if len(got) > 0 {
		t.Errorf("bent packets were answered: %x", got)
	}
	if now := s.posture(); now != before {
		t.Errorf("bent packets left state: %+v, before %+v", now, before)
	}
	heard := s.device.Heard
	s.check(s.device.Beat())
	if s.device.Heard != heard+1 {
		t.Errorf("%d messages came, want the answer to one heartbeat", s.device.Heard-heard)
	}
	t.Logf("%d bent packets", sent)
}
