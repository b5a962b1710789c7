package main

import (
	"context"
	"fmt"
	"strings"
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

// dialler is a fleet of devices that have met the server of that role, which is
// known to them from now on.
func (l *lab) dialler(ctx context.Context, role string) (*fleet, *child, error) {
	s, err := l.server(ctx, role)
	if err != nil {
		return nil, nil, err
	}
	f, err := newFleetAt(s.hello.Address, width)
	if err != nil {
		return nil, nil, err
	}
	if err := f.meet(ctx, width); err != nil {
		f.w.close()
		return nil, nil, err
	}
	return f, s, nil
}

// handshakes compares whole key exchanges with those of quic-go, each up to the
// server's view that the client is proved.
func (l *lab) handshakes(ctx context.Context) error {
	f, node, err := l.dialler(ctx, roleNode)
	if err != nil {
		return err
	}
	defer f.w.close()
	g, engine, err := l.dialler(ctx, roleEngine)
	if err != nil {
		return err
	}
	defer g.w.close()
	all := []*contender{
		redial(ctx, node, f, rud.Target{Pin: handshake.Pin{Key: f.node}, FirstContact: true}, l.o.span, 0),
		redial(ctx, engine, g, rud.Target{Pin: handshake.Pin{Key: g.node}}, l.o.span, immediateRate),
	}
	theirs, stop, missing := l.quicRounds(ctx)
	if missing == nil {
		defer stop()
		all = append(all, theirs)
	}
	if err := l.alternate(ctx, all...); err != nil {
		return err
	}
	l.perCore("handshakes, First Contact", all[0], "quic-go", theirs, missing)
	l.perCore("handshakes, Immediate", all[1], "quic-go", theirs, missing)
	l.show.say("First Contact with a node: %s. Immediate with an engine alone, as of %v after its start, %d a second: %s.",
		f.modesText(), engineAge, immediateRate, g.modesText())
	return nil
}

// redial is a fleet that closes each connection and dials again, at most rate a
// second when that is not 0.
func redial(ctx context.Context, s *child, f *fleet, target rud.Target, span time.Duration, rate int) *contender {
	r := &redialler{f: f, rate: rate}
	return &contender{
		server: s,
		round: func() (int, error) {
			f.target, f.opened, f.pace = target, r.opened, r.resume
			r.start, r.before = time.Now(), f.opens
			for _, d := range f.devices {
				d.conn.Close(r.start)
				if err := d.dial(r.start); err != nil {
					return 0, err
				}
			}
			err := f.w.drive(ctx, f, span, never)
			f.opened, f.pace, f.again, r.parked = nil, nil, f.again[:0], nil
			return f.opens - r.before, err
		},
		drain: func() error { return f.w.drive(ctx, f, drainFor, never) },
	}
}

// redialler keeps a fleet's pace.
type redialler struct {
	f      *fleet
	rate   int
	start  time.Time
	before int       // handshakes before this round
	parked []*device // for the pace
}

// due says whether another handshake may begin.
func (r *redialler) due(now time.Time) bool {
	return r.rate == 0 || r.f.opens-r.before < int(now.Sub(r.start).Seconds()*float64(r.rate))
}

func (r *redialler) opened(now time.Time, d *device) {
	r.f.modes[d.conn.Mode()]++
	if r.due(now) {
		r.f.again = append(r.f.again, d)
		return
	}
	r.parked = append(r.parked, d)
}

func (r *redialler) resume(now time.Time) {
	for len(r.parked) > 0 && r.due(now) {
		d := r.parked[0]
		r.parked = r.parked[1:]
		d.conn.Close(now)
		_ = d.dial(now) // it dialled before
	}
}

// modesText says in which modes they were really made: a node under load defers.
func (f *fleet) modesText() string {
	var list []string
	for m, n := range f.modes {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %v", n, handshake.Mode(m)))
		}
	}
	return strings.Join(list, ", ")
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
