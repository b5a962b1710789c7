package client

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"meshpresence/transport/udpport"
)

// dud is a Port that does nothing.
type dud struct {
	local  netip.AddrPort
	closed bool
}

func (d *dud) ReadBatch(*udpport.Batch) (int, error) { return 0, net.ErrClosed }
func (d *dud) Send(netip.AddrPort, []byte)           {}
func (d *dud) Flush() error                          { return nil }
func (d *dud) LocalAddr() netip.AddrPort             { return d.local }
func (d *dud) Close() error                          { d.closed = true; return nil }
func (d *dud) Counters() udpport.Counters            { return udpport.Counters{} }

func duds(locals ...string) (list []*socket) {
	for _, local := range locals {
		list = append(list, &socket{port: &dud{local: netip.MustParseAddrPort(local)}})
	}
	return list
}

func isClosed(s *socket) bool { return s.port.(*dud).closed }

// What was left is read for a while, and only so much of it.
func TestOldSocketsAreClosed(t *testing.T) {
	now := time.Now()
	var s sockets
	list := duds("[::]:1", "[::]:2", "[::]:3", "[::]:4")
	for i, o := range list {
		s.put(now, o)
		if s.list[0] != o {
			t.Fatalf("socket %d is not the one in use", i)
		}
		s.by = o
		s.opened()
	}
	if !isClosed(list[0]) || isClosed(list[1]) {
		t.Error("four sockets are open, or only two")
	}
	s.advance(now.Add(oldSocketFor-1), true)
	if isClosed(list[1]) || isClosed(list[2]) {
		t.Error("a socket was closed too soon")
	}
	if at := s.deadline(); !at.Equal(now.Add(oldSocketFor)) {
		t.Errorf("the deadline is in %v", at.Sub(now))
	}
	if s.advance(now.Add(oldSocketFor), true) || len(s.list) != 1 || s.list[0] != list[3] {
		t.Errorf("%d sockets are left", len(s.list))
	}
	if !s.deadline().IsZero() {
		t.Error("there is something to wait for")
	}
}

// A socket that nothing comes through is left for the one before, and tried again
// when that is dead as well.
func TestDeadSocketIsLeft(t *testing.T) {
	now := time.Now()
	var s sockets
	list := duds("[::]:1", "[::]:2")
	s.put(now, list[0])
	if s.advance(now.Add(time.Hour), true) {
		t.Error("the only socket was left")
	}
	s.put(now, list[1])
	if s.advance(now.Add(proveWithin-1), true) {
		t.Error("the fresh socket had no time")
	}
	now = now.Add(proveWithin)
	if !s.advance(now, true) || s.list[0] != list[0] {
		t.Fatal("the old socket was not taken into use again")
	}
	now = now.Add(proveWithin)
	if !s.advance(now, true) || s.list[0] != list[1] {
		t.Fatal("both are dead, and the fresh one was not tried again")
	}
	s.by = list[0]
	s.opened()
	if s.list[0].proveBy.IsZero() {
		t.Error("what came through the old socket proved the fresh one")
	}
	s.by = list[1]
	s.opened()
	if s.advance(now.Add(proveWithin), true) {
		t.Error("a socket that lives was left")
	}
}

// Two sockets that are dead take turns until the older one ends; and nothing is
// judged while nobody is spoken to.
func TestDeadSocketsEnd(t *testing.T) {
	now := time.Now()
	var s sockets
	list := duds("[::]:1", "[::]:2")
	s.put(now, list[0])
	s.put(now, list[1])
	for end := now.Add(2 * oldSocketFor); now.Before(end); now = now.Add(proveWithin) {
		if s.advance(now, false) || s.list[0] != list[1] {
			t.Fatal("a socket was left that nobody used")
		}
	}
	list = duds("[::]:1", "[::]:2")
	s = sockets{}
	s.put(now, list[0])
	s.put(now, list[1])
	turns := 0
	for end := now.Add(2 * oldSocketFor); now.Before(end); now = now.Add(proveWithin / 2) {
		if s.advance(now, true) {
			turns++
		}
	}
	if len(s.list) != 1 || s.list[0] != list[1] || !isClosed(list[0]) {
		t.Errorf("%d sockets are left, or the older one", len(s.list))
	}
	if turns < 2 || turns > int(oldSocketFor/proveWithin)+2 {
		t.Errorf("they took %d turns", turns)
	}
}

// Over a path of seconds the answer is waited for.
func TestSlowPathHasTime(t *testing.T) {
	now := time.Now()
	s := sockets{trip: 3 * time.Second}
	for _, o := range duds("[::]:1", "[::]:2") {
		s.put(now, o)
	}
	if s.advance(now.Add(proveTrips*s.trip-1), true) {
		t.Error("the fresh socket had no time")
	}
	if !s.advance(now.Add(proveTrips*s.trip), true) {
		t.Error("a dead socket was not left")
	}
}

// "When both families exist a destination's family picks the socket", and an answer
// leaves by the socket of the question.
func TestSocketOfAPacket(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:6770"), netip.MustParseAddrPort("[2001:db8::1]:6770")
	var s sockets
	list := duds("0.0.0.0:1", "[2001:db8::2]:2")
	s.put(time.Now(), list[0])
	s.put(time.Now(), list[1])
	if s.to(v4) != list[0].port || s.to(v6) != list[1].port {
		t.Error("a packet leaves by a socket of the other family")
	}
	s.by = list[0]
	if s.reply(v4) != list[0].port {
		t.Error("an answer leaves by another socket")
	}
	list[0].dead = true
	s.by = nil
	if s.reply(v6) != list[1].port {
		t.Error("a packet without a question leaves by the wrong socket")
	}
	both := duds("[::]:3")[0]
	s.put(time.Now(), both)
	if s.to(v4) != both.port || s.to(v6) != both.port {
		t.Error("a socket of both families is not used")
	}
}
