package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"meshpresence/node/mpp"
)

// crowd is a fleet whose devices are all connected to the node.
func (l *lab) crowd(ctx context.Context) (*fleet, *child, error) {
	s, err := l.server(ctx, roleNode)
	if err != nil {
		return nil, nil, err
	}
	f, err := newFleetAt(s.hello.Address, l.o.devices)
	if err != nil {
		return nil, nil, err
	}
	if err := f.meet(ctx, 32); err != nil {
		f.w.close()
		return nil, nil, err
	}
	return f, s, nil
}

// drainFor is above the delay of an acknowledgement.
const drainFor = 60 * time.Millisecond

// closedLoop is a fleet whose devices ask again at the answer.
func closedLoop(ctx context.Context, s *child, f *fleet, m mpp.Request, span time.Duration) *contender {
	return &contender{
		server: s,
		round: func() (int, error) {
			f.message = func(now time.Time, d *device) { f.ask(now, d, m) }
			before := f.answers
			err := f.w.drive(ctx, f, span, never)
			f.message = nil
			return f.answers - before, err
		},
		drain: func() error { return f.w.drive(ctx, f, drainFor, never) },
	}
}

// plainLoop is the same of a plain load.
func plainLoop(ctx context.Context, s *child, p *plain, span time.Duration) *contender {
	return &contender{
		server: s,
		round: func() (int, error) {
			before := p.answers
			err := p.w.drive(ctx, p, span, never)
			return p.answers - before, err
		},
		drain: func() error { return p.w.drive(ctx, nothing{}, drainFor, never) },
	}
}

// nothing is a load that takes what still comes.
type nothing struct{}

func (nothing) begin(time.Time)                {}
func (nothing) receive(time.Time, int, []byte) {}
func (nothing) tick(time.Time)                 {}

// echo is a plain load on the raw echo, of those lengths out and in.
func (l *lab) echo(ctx context.Context, lengths [2]int) (*plain, *child, error) {
	s, err := l.server(ctx, roleEcho)
	if err != nil {
		return nil, nil, err
	}
	w, err := newLine(s.hello.Addr)
	if err != nil {
		return nil, nil, err
	}
	p := &plain{w: w, devices: l.o.devices, request: make([]byte, max(lengths[0], 8)), number: 4}
	binary.BigEndian.PutUint16(p.request, uint16(lengths[1]))
	return p, s, nil
}

// heartbeats compares encrypted heartbeats with the raw echo of the same lengths.
func (l *lab) heartbeats(ctx context.Context) error {
	f, node, err := l.crowd(ctx)
	if err != nil {
		return err
	}
	defer f.w.close()
	lengths, packets, err := lone(ctx, f)
	if err != nil {
		return err
	}
	p, echo, err := l.echo(ctx, lengths)
	if err != nil {
		return err
	}
	defer p.w.close()
	ours := closedLoop(ctx, node, f, new(mpp.Heartbeat), l.o.span)
	theirs := plainLoop(ctx, echo, p, l.o.span)
	before, answers := f.w.sent+f.w.got, f.answers
	if err := l.alternate(ctx, ours, theirs); err != nil {
		return err
	}
	l.perCore("heartbeats", ours, "raw echo", theirs, nil)
	l.show.row(row{Name: "heartbeats: packets, back to back", Unit: "packets",
		Ours: float64(f.w.sent+f.w.got-before) / float64(f.answers-answers), Note: "both ways, acknowledgements included"})
	l.show.row(row{Name: "heartbeats: packets, a lone one", Unit: "packets", Ours: packets,
		Note: fmt.Sprintf("both ways; %d bytes out, %d in", lengths[0], lengths[1])})
	return nil
}

// lone makes heartbeats with pauses between them, and gives the lengths of the
// longest packets and how many each one took.
func lone(ctx context.Context, f *fleet) (lengths [2]int, packets float64, err error) {
	const beats = 10
	d := f.devices[0]
	f.w.longest = [2]int{}
	before := f.w.sent + f.w.got
	for range beats {
		f.ask(time.Now(), d, new(mpp.Heartbeat))
		if err := f.w.drive(ctx, f, 60*time.Millisecond, never); err != nil {
			return lengths, 0, err
		}
	}
	return f.w.longest, float64(f.w.sent+f.w.got-before) / beats, nil
}

// reflections compares encrypted endpoint requests with STUN binding requests.
func (l *lab) reflections(ctx context.Context) error {
	f, node, err := l.crowd(ctx)
	if err != nil {
		return err
	}
	defer f.w.close()
	ours := closedLoop(ctx, node, f, new(mpp.EndpointRequest), l.o.span)
	p, stun, missing := l.stunLoad(ctx)
	if missing != nil {
		if err := l.alternate(ctx, ours); err != nil {
			return err
		}
		l.perCore("reflections", ours, "coturn", nil, missing)
		return nil
	}
	defer p.w.close()
	theirs := plainLoop(ctx, stun, p, l.o.span)
	if err := l.alternate(ctx, ours, theirs); err != nil {
		return err
	}
	l.perCore("reflections", ours, "coturn", theirs, nil)
	return nil
}

// latency is the time of one request at a time, from one device after another.
func (l *lab) latency(ctx context.Context) error {
	f, _, err := l.crowd(ctx)
	if err != nil {
		return err
	}
	defer f.w.close()
	lengths, _, err := lone(ctx, f)
	if err != nil {
		return err
	}
	p, _, err := l.echo(ctx, lengths)
	if err != nil {
		return err
	}
	defer p.w.close()
	p.devices = 1
	var ours, theirs []int64
	for range l.o.rounds {
		if err := oneByOne(ctx, f, &ours, l.o.span/2); err != nil {
			return err
		}
		p.latency = &theirs
		if err := p.w.drive(ctx, p, l.o.span/2, never); err != nil {
			return err
		}
		if err := p.w.drive(ctx, nothing{}, drainFor, never); err != nil {
			return err
		}
	}
	for _, at := range []struct {
		name string
		p    float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		r := row{Name: "latency of a heartbeat, " + at.name, Unit: "us", Ours: float64(percentile(ours, at.p)) / 1000}
		r.Note = fmt.Sprintf("less is better; one at a time, %d of ours", len(ours))
		l.show.row(r.against("raw echo", float64(percentile(theirs, at.p))/1000))
	}
	return nil
}

// oneByOne lets one device ask again at its answer, and notes each time.
func oneByOne(ctx context.Context, f *fleet, list *[]int64, span time.Duration) error {
	d, beat := f.devices[0], new(mpp.Heartbeat)
	ask := func() {
		d.asked = time.Now()
		f.ask(d.asked, d, beat)
	}
	f.message = func(now time.Time, d *device) {
		if d.i != 0 {
			return // it is not its turn
		}
		*list = append(*list, int64(now.Sub(d.asked)))
		ask()
	}
	ask()
	err := f.w.drive(ctx, only{f}, span, never)
	f.message = nil
	if err == nil {
		err = f.w.drive(ctx, only{f}, drainFor, never) // the last answer belongs to this round
	}
	return err
}

// only is a fleet whose begin asks nothing.
type only struct{ *fleet }

func (only) begin(time.Time) {}
