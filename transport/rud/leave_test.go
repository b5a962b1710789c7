package rud

import (
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// "CloseConnection, with no value, in a frame of the main stream that is sent once.
// Who receives it ends the connection, and answers nothing."
func TestLeaveIsToldOnce(t *testing.T) {
	w, device, node, d, n := pair(t, 3)
	sent := 0
	w.tap = func(from, to netipAddrPort, packet []byte) { sent++ }
	d.Leave(w.now)
	w.run(time.Minute)
	if node.closed[n] != ReasonLeft || device.closed[d] != ReasonClosed {
		t.Errorf("the node's connection ended because %v, the device's because %v", node.closed[n], device.closed[d])
	}
	if sent != 1 || node.Len() != 0 || device.Len() != 0 {
		t.Errorf("%d packets, %d and %d connections", sent, node.Len(), device.Len())
	}
}

// The packet is lost: the peer finds out by silence, as of Close.
func TestLeaveThatIsLostIsSilence(t *testing.T) {
	w, _, node, d, n := pair(t, 4)
	w.drop = func(_, to netipAddrPort, _ []byte) bool { return to == node.addr }
	d.Leave(w.now)
	w.run(time.Minute)
	if _, ended := node.closed[n]; ended {
		t.Error("the node's connection ended")
	}
}

// Not every connection can say so, and none fails at it.
func TestLeaveAtAnyTime(t *testing.T) {
	w := newWorld(t, 5)
	node, device := w.add("192.0.2.1:6770", true), w.add("198.51.100.2:40000", false)
	early, err := device.Dial(w.now, Target{To: node.addr})
	if err != nil {
		t.Fatal(err)
	}
	early.Leave(w.now)
	early.Leave(w.now)
	d, _ := w.connect(device, node)
	for i := 0; ; i++ { // as many frames as there may be
		if _, err := d.Send(w.now, text(i, 20)); err != nil {
			break
		}
	}
	d.Leave(w.now)
	if device.Len() != 0 {
		t.Errorf("%d connections left", device.Len())
	}
	if _, err := d.Send(w.now, nil); err != ErrClosed {
		t.Errorf("Send after Leave: %v", err)
	}
}

// A value, another stream, or a second noun beside it, break the rules of lists.
func TestLeaveMalformedIsABreach(t *testing.T) {
	for name, list := range map[string][]wire.Extension{
		"with a value":       {{Tag: wire.TagCloseConnection, Value: []byte{1}}},
		"with another noun":  {{Tag: wire.TagCloseConnection}, {Tag: wire.TagRoll}},
		"after another noun": {{Tag: wire.TagRoll}, {Tag: wire.TagCloseConnection}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, false)
			s.receive(s.packet(wire.Header{Pieces: 1, Flags: wire.FlagFinal}, list, nil))
			s.wantClosed(ReasonBreach)
		})
	}
}
