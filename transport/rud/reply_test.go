package rud

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// PathResponses, answers to probes and answers to strangers leave by the socket
// that the packet came through (Config.Reply); everything else by the one chosen
// for the path (Config.Send), and so do repetitions.
func TestReplyLeavesByItsSocket(t *testing.T) {
	s := newScript(t, false)
	replied := 0
	s.e.cfg.Reply = func(to netip.AddrPort, p []byte) {
		replied++
		s.out = append(s.out, sentPacket{to, bytes.Clone(p)})
	}
	want := func(what string, n int) {
		t.Helper()
		if replied != n {
			t.Errorf("%s: %d packets by Reply, want %d", what, replied, n)
		}
		replied = 0
	}
	value := bytes.Repeat([]byte{5}, 16)
	s.pathValue(wire.TagPathChallenge, value)
	if got := s.wantValue(wire.TagPathResponse, s.addr); !bytes.Equal(got, value) {
		t.Error("another value")
	}
	want("a challenge on the path in use", 1)

	s.frame(0, []byte("data"))
	s.pass(time.Second)
	s.out = nil
	want("data and its acknowledgement", 0)

	// A newest packet from elsewhere: challenged there by the socket that it came
	// through, and on the path in use by its own.
	s.addr = scriptThird
	s.frame(1, []byte("from elsewhere"))
	s.wantValue(wire.TagPathChallenge, scriptThird)
	s.wantValue(wire.TagPathChallenge, scriptHere)
	want("a new path", 1)

	s.pass(10 * time.Second) // the challenges repeated, by timer
	s.out = nil
	want("timers", 0)

	// An endpoint request, answered to where it came from; the answer is lost.
	s.onMessage = func(c *Conn, m Message) {
		if _, err := c.SendProbe(s.now, m.From, []byte("you are there")); err != nil {
			t.Error(err)
		}
		if _, err := c.Send(s.now, []byte("and this is yours")); err != nil {
			t.Error(err)
		}
	}
	s.write(wire.Header{Flags: wire.FlagFinal | wire.FlagProbe, Frame: 2}, []byte("where am I"))
	want("an endpoint request", 1)
	s.pass(5 * time.Second)
	want("its repetitions", 0)

	// And one by the path in use: the data beside the answer goes its own way.
	for len(s.out) > 0 {
		s.writeAck(int(s.next().Number))
	}
	replied, s.addr = 0, scriptHere
	s.write(wire.Header{Flags: wire.FlagFinal | wire.FlagProbe, Frame: 3}, []byte("where am I"))
	if len(s.out) != 2 {
		t.Errorf("%d packets", len(s.out))
	}
	want("an endpoint request by the path in use", 1)
}

// Strangers are answered by Reply, too.
func TestStrangersAreAnsweredByReply(t *testing.T) {
	w := newWorld(t, 33)
	replied := 0
	var node *host
	node = w.add("192.0.2.1:6770", true, func(c *Config) {
		c.Reply = func(to netip.AddrPort, p []byte) {
			replied++
			w.send(node.addr, to, p)
		}
	})
	device := w.add("198.51.100.2:40000", false)
	w.connect(device, node)
	if replied != 2 {
		t.Errorf("%d packets by Reply, want Challenge and ResponderComplete", replied)
	}
}
