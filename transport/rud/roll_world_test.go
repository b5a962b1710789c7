package rud

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// seals watches every data packet of a world at the moment that it is sealed: "never
// reused, never two seals under one number", whatever the keys are then.
type seals struct {
	w    *world
	seen map[seal]bool
	keys map[any]bool
	most int // of 1200
}

type seal struct {
	keys   any
	number uint32
}

func watchSeals(w *world) *seals {
	x := &seals{w: w, seen: make(map[seal]bool), keys: make(map[any]bool)}
	w.tap = x.tap
	return x
}

func (x *seals) tap(from, to netip.AddrPort, packet []byte) {
	x.most = max(x.most, len(packet))
	s, n := x.stream(from, to, packet)
	if s == nil {
		return
	}
	var mem scratch
	h, err := s.out.readHeaderAfter(&mem, packet, n)
	if err != nil {
		x.w.t.Errorf("sent a header that does not parse: %v", err)
	}
	k := seal{s.out.keys, h.Number}
	if x.seen[k] {
		x.w.t.Errorf("two packets under one key and number %d", h.Number)
	}
	x.seen[k] = true
	x.keys[s.out.keys] = true
}

// stream finds the sender's side of the stream, and how long the id is as sent.
func (x *seals) stream(from, to netip.AddrPort, packet []byte) (*Stream, int) {
	id, n := binary.BigEndian.Uint64(packet), wire.SizeID
	if peer := x.w.hosts[to]; peer != nil && peer.oneTime.out > 0 && peer.streams[id] == nil {
		if s, _ := peer.reveal(packet); s != nil {
			id, n = binary.BigEndian.Uint64(s.in.id[:]), wire.SizeOneTimeID
		}
	}
	for _, s := range x.w.hosts[from].streams {
		if s.out.keys != nil && binary.BigEndian.Uint64(s.out.id[:]) == id {
			return s, n
		}
	}
	return nil, 0
}

// seeds is how many worlds a test plays: all of them when MESHPRESENCE_SLOW is set.
func seeds(few, all uint64) uint64 {
	if os.Getenv("MESHPRESENCE_SLOW") != "" {
		return all
	}
	return few
}

// The connection does not end at two hours any more: a heartbeat a minute, and keys
// that are never older than an hour and a bit.
func TestRollingConnectionLives(t *testing.T) {
	w, device, node, d, n := pair(t, 301)
	x := watchSeals(w)
	beats := 0
	for range 5 * 60 {
		if _, err := d.Send(w.now, text(beats, 40)); err != nil {
			t.Fatal(err)
		}
		beats++
		w.run(time.Minute)
		if age := max(d.KeyAge(w.now), n.KeyAge(w.now)); age > rollAge+2*time.Minute {
			t.Fatalf("keys %v old", age)
		}
	}
	if !d.Proved() || !n.Proved() || len(node.messages) != beats {
		t.Errorf("%d of %d heartbeats", len(node.messages), beats)
	}
	if device.Stats().Rolled != 4 || node.Stats().Rolled != 4 || len(x.keys) != 10 {
		t.Errorf("%d and %d rolls, %d keys", device.Stats().Rolled, node.Stats().Rolled, len(x.keys))
	}
	if d.secret != n.secret {
		t.Error("the sides have other secrets")
	}
}

// An idle connection rolls as well: nothing but the Roll moves.
func TestIdleConnectionRolls(t *testing.T) {
	w, device, node, d, n := pair(t, 302)
	w.run(10 * time.Hour)
	if !d.Proved() || !n.Proved() || device.Stats().Rolled < 9 || node.Stats().Rolled != device.Stats().Rolled {
		t.Errorf("closed %v and %v, %d rolls", device.closed, node.closed, device.Stats().Rolled)
	}
}

// Rolls under 30% loss, repetition, reordering and corruption, both sides asking at
// any time, while frames of 16 packets are under way and the device moves: every
// frame arrives once, and no number seals twice.
func TestRollsInAnyWeather(t *testing.T) {
	for seed := range seeds(6, 150) {
		w, device, node, d, n := pair(t, 310+seed)
		x := watchSeals(w)
		w.loss, w.again, w.bent, w.jitter, w.overtake = 0.3, 0.1, 0.02, 100*time.Millisecond, 0.3
		var up, down [][]byte
		sizes := []int{40, 18480, 300, 2000}
		for i := range 120 {
			if p := text(2*i, sizes[i%4]); true {
				if _, err := d.Send(w.now, p); err == nil {
					up = append(up, p)
				}
			}
			if p := text(2*i+1, sizes[(i+1)%4]); true {
				if _, err := n.Send(w.now, p); err == nil {
					down = append(down, p)
				}
			}
			_ = d.Roll(w.now) // as soon as it may
			if i%3 == 0 {
				_ = n.Roll(w.now)
			}
			if i%40 == 25 {
				device.moveTo(mustAddrPort("203.0.113.9", 1000+i).String())
				d.Rebind(w.now)
			}
			w.run(time.Second)
		}
		w.loss, w.overtake = 0, 0
		w.run(2 * time.Minute)
		if !d.Proved() || !n.Proved() {
			t.Fatalf("seed %d: closed %v and %v", seed, device.closed, node.closed)
		}
		checkOnce(t, "up", node.messages, up)
		checkOnce(t, "down", device.messages, down)
		if d.secret != n.secret || device.Stats().Rolled < 4 || x.most > wire.MaxPacket {
			t.Errorf("seed %d: %d rolls, %d bytes", seed, device.Stats().Rolled, x.most)
		}
		if d.roll != nil || n.roll != nil {
			t.Errorf("seed %d: a roll is left", seed)
		}
	}
}

// Each packet of a Roll lost, in turn and in pairs: the roll ends all the same.
func TestRollPacketsLost(t *testing.T) {
	for mask := range 64 {
		w, device, node, d, n := pair(t, 330)
		w.run(rollLeast)
		sent := 0
		w.drop = func(_, _ netip.AddrPort, _ []byte) bool {
			sent++
			return sent <= 6 && mask&(1<<(sent-1)) != 0
		}
		if err := d.Roll(w.now); err != nil {
			t.Fatal(err)
		}
		w.run(time.Minute)
		if d.roll != nil || n.roll != nil || d.secret != n.secret || device.Stats().Rolled != 1 || node.Stats().Rolled != 1 {
			t.Errorf("lost %06b: %v and %v, %d and %d rolls", mask, d.roll, n.roll, device.Stats().Rolled, node.Stats().Rolled)
		}
	}
}

// An outage of 20 minutes, begun at every packet of a Roll: the connection goes on
// where it was.
func TestOutageDuringARoll(t *testing.T) {
	for after := range 5 {
		w, device, node, d, n := pair(t, 340)
		w.run(rollLeast)
		sent := 0
		w.drop = func(_, _ netip.AddrPort, _ []byte) bool { sent++; return sent > after }
		if err := d.Roll(w.now); err != nil {
			t.Fatal(err)
		}
		w.run(20 * time.Minute)
		w.drop = nil
		_, _ = n.Send(w.now, text(1, 40))
		_, _ = d.Send(w.now, text(2, 40))
		w.run(time.Minute)
		if len(device.messages) != 1 || len(node.messages) != 1 || d.roll != nil || n.roll != nil || d.secret != n.secret {
			t.Errorf("after %d packets: %d and %d messages", after, len(device.messages), len(node.messages))
		}
	}
}
