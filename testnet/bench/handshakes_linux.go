package main

import (
	"context"
	"fmt"
	"time"

	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

const (
	// width is how many handshakes are under way at a time.
	width = 32
	// immediateRate keeps Immediate under the 500 a second above which a node
	// answers an Exchange with a Challenge (rud.md, Key exchange).
	immediateRate = 400
)

// newFleetAt makes a fleet with a line of its own.
func newFleetAt(address string, n int) (*fleet, error) {
	server, err := addrOf(address)
	if err != nil {
		return nil, err
	}
	w, err := newLine(server)
	if err != nil {
		return nil, err
	}
	f, err := newFleet(w, address, n)
	if err != nil {
		w.close()
	}
	return f, err
}

// handshakes compares whole key exchanges with those of quic-go, each up to the
// server's view that the client is proved.
func (l *lab) handshakes(ctx context.Context) error {
	s, err := l.server(ctx, roleNode)
	if err != nil {
		return err
	}
	f, err := newFleetAt(s.hello.Address, width)
	if err != nil {
		return err
	}
	defer f.w.close()
	if err := f.meet(ctx, width); err != nil {
		return err
	}
	known := handshake.Pin{Key: f.node}
	first := &contender{server: s, round: redial(ctx, f, rud.Target{Pin: known, FirstContact: true}, l.o.span, 0)}
	known1 := &contender{server: s, round: redial(ctx, f, rud.Target{Pin: known}, l.o.span, immediateRate)}
	all := []*contender{first, known1}
	theirs, stop, missing := l.quicRounds(ctx)
	if missing == nil {
		defer stop()
		all = append(all, theirs)
	} else {
		theirs = nil
	}
	if err := l.alternate(ctx, all...); err != nil {
		return err
	}
	l.perCore("handshakes, First Contact", first, "quic-go", theirs, missing)
	l.perCore("handshakes, Immediate", known1, "quic-go", theirs, missing)
	return nil
}

// redial is the round of a fleet that closes each connection and dials again, at
// most rate a second when that is not 0.
func redial(ctx context.Context, f *fleet, target rud.Target, span time.Duration, rate int) func() (int, error) {
	return func() (int, error) {
		f.target = target
		f.message = nil
		start, before := time.Now(), f.opens
		f.opened = func(now time.Time, d *device) {
			if rate == 0 || f.opens-before < int(now.Sub(start).Seconds()*float64(rate)) {
				f.again = append(f.again, d)
			} else {
				f.parked = append(f.parked, d)
			}
		}
		f.pace = func(now time.Time) {
			for len(f.parked) > 0 && f.opens-before < int(now.Sub(start).Seconds()*float64(rate)) {
				d := f.parked[0]
				f.parked = f.parked[1:]
				d.conn.Close(now)
				_ = d.dial(now)
			}
		}
		for _, d := range f.devices {
			d.conn.Close(start)
			if err := d.dial(start); err != nil {
				return 0, err
			}
		}
		err := f.w.drive(ctx, f, span, never)
		n := f.opens - before
		f.opened, f.pace, f.parked, f.again = nil, nil, nil, f.again[:0]
		if err == nil {
			err = f.w.drive(ctx, f, 50*time.Millisecond, never)
		}
		return n, err
	}
}

// quicRounds is quic-go's contender.
func (l *lab) quicRounds(ctx context.Context) (c *contender, stop func(), err error) {
	s, err := l.server(ctx, roleQUIC)
	if err != nil {
		return nil, nil, err
	}
	q, err := newQUICLoad(s.hello.Addr)
	if err != nil {
		return nil, nil, err
	}
	return &contender{server: s, round: func() (int, error) {
		before, err := s.ask("done")
		if err != nil {
			return 0, err
		}
		if err := q.handshakes(ctx, l.o.span, width); err != nil {
			return 0, err
		}
		after, err := s.ask("done")
		return after.Done - before.Done, err
	}}, q.close, nil
}

// idle is what a connection holds that says nothing.
func (l *lab) idle(ctx context.Context) error {
	l.stop(roleNode)
	s, err := l.server(ctx, roleNode)
	if err != nil {
		return err
	}
	if err := l.settle(ctx, s, 16); err != nil { // what the first ones make for all
		return err
	}
	before, err := s.ask("heap")
	if err != nil {
		return err
	}
	if err := l.settle(ctx, s, l.o.idle); err != nil {
		return err
	}
	after, err := s.ask("heap")
	if err != nil {
		return err
	}
	r := row{Name: "idle connection", Unit: "bytes of heap", Note: fmt.Sprintf("less is better; %d connections of as many devices", l.o.idle)}
	r.Ours = float64(int64(after.Heap)-int64(before.Heap)) / float64(l.o.idle)
	peer, err := l.quicIdle(ctx, min(1000, l.o.idle))
	if err != nil {
		r.PeerName, r.Skip = "quic-go", err.Error()
		l.show.row(r)
		return nil
	}
	l.show.row(r.against("quic-go", peer))
	return nil
}

// settle opens n connections and leaves them.
func (l *lab) settle(ctx context.Context, s *child, n int) error {
	f, err := newFleetAt(s.hello.Address, n)
	if err != nil {
		return err
	}
	defer f.w.close()
	return f.meet(ctx, width)
}

// quicIdle is the same of quic-go.
func (l *lab) quicIdle(ctx context.Context, n int) (float64, error) {
	s, err := l.server(ctx, roleQUIC)
	if err != nil {
		return 0, err
	}
	q, err := newQUICLoad(s.hello.Addr)
	if err != nil {
		return 0, err
	}
	defer q.close()
	dial := func(n int) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		for range n {
			if _, err := q.dial(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	if err := dial(16); err != nil {
		return 0, err
	}
	before, err := s.ask("heap")
	if err != nil {
		return 0, err
	}
	if err := dial(n); err != nil {
		return 0, err
	}
	after, err := s.ask("heap")
	return float64(int64(after.Heap)-int64(before.Heap)) / float64(n), err
}
