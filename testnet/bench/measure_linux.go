package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// lab is what the measurements of one run share.
type lab struct {
	o     options
	show  report
	cores cores
	dir   string

	servers map[string]*child
	absent  map[string]error // servers that do not start
}

// measure makes what was asked for, one after another.
func measure(ctx context.Context, o options, show report) (err error) {
	l := &lab{o: o, show: show, servers: map[string]*child{}, absent: map[string]error{}}
	if l.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(l.dir)
	if o.profile != "" {
		if err := os.MkdirAll(o.profile, 0o755); err != nil {
			return err
		}
		if l.o.profile, err = filepath.Abs(o.profile); err != nil {
			return err
		}
	}
	defer l.end()
	if l.cores, err = pinLoad(show); err != nil {
		return err
	}
	if o.realtime {
		if err := goFirst(); err != nil {
			return err
		}
	}
	show.say("server on core %d, load on core %d, %d rounds of %v; load average %s", l.cores.server, l.cores.load, o.rounds, o.span, loadAverage())
	for _, name := range chosen(o.only) {
		if err := l.one(ctx, name); err != nil {
			return fmt.Errorf("measuring %s: %w", name, err)
		}
	}
	return nil
}

func (l *lab) one(ctx context.Context, name string) error {
	switch name {
	case "heartbeats":
		return l.heartbeats(ctx)
	case "reflections":
		return l.reflections(ctx)
	case "handshakes":
		return l.handshakes(ctx)
	case "latency":
		return l.latency(ctx)
	case "rubbish":
		return l.rubbish(ctx)
	case "idle":
		return l.idle(ctx)
	}
	return nil
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// server is the running server of that role; it is started when first asked for.
func (l *lab) server(ctx context.Context, role string) (*child, error) {
	if s := l.servers[role]; s != nil {
		return s, nil
	}
	if err := l.absent[role]; err != nil {
		return nil, err
	}
	var s *child
	var err error
	if role == roleSTUN {
		s, err = spawnSTUN(ctx, l.cores, l.dir)
	} else {
		s, err = spawn(ctx, l.cores, l.o, l.dir, role)
	}
	if err != nil {
		l.absent[role] = err
		return nil, err
	}
	l.servers[role] = s
	return s, nil
}

// stop ends one server: the next measurement gets a fresh one.
func (l *lab) stop(role string) {
	if s := l.servers[role]; s != nil {
		s.end()
		delete(l.servers, role)
		os.RemoveAll(filepath.Join(l.dir, role))
	}
}

func (l *lab) end() {
	for role := range l.servers {
		l.stop(role)
	}
}

// rate is what one round gave.
type rate struct {
	ops       int
	wall, cpu time.Duration
}

// rates collects rounds.
type rates struct{ core, wall, busy []float64 }

func (r *rates) add(x rate) {
	if x.ops == 0 || x.cpu <= 0 {
		return
	}
	r.core = append(r.core, float64(x.ops)/x.cpu.Seconds())
	r.wall = append(r.wall, float64(x.ops)/x.wall.Seconds())
	r.busy = append(r.busy, 100*x.cpu.Seconds()/x.wall.Seconds())
}

func (r *rates) ok() bool { return len(r.core) > 0 }

// note tells the wall clock's side of it.
func (r *rates) note() string {
	return fmt.Sprintf("%.0f/s by the clock, %.0f%% busy", median(r.wall), median(r.busy))
}

// contender is one of those that a row compares.
type contender struct {
	server *child
	round  func() (ops int, err error)
	drain  func() error // lets what is on its way arrive
	rates  rates
}

// timed is one round and what it cost the server, with what follows it.
func (c *contender) timed() (r rate, err error) {
	cpu, start := c.server.ran(), time.Now()
	r.ops, err = c.round()
	r.wall = time.Since(start)
	if err == nil && c.drain != nil {
		err = c.drain()
	}
	r.cpu = c.server.ran() - cpu
	return r, err
}

// alternate runs the rounds of all contenders, interleaved; the first of each
// warms it up and counts nothing.
func (l *lab) alternate(ctx context.Context, all ...*contender) error {
	for i := range l.o.rounds + 1 {
		for _, c := range all {
			r, err := c.timed()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return err
			}
			if i > 0 {
				c.rates.add(r)
			}
		}
	}
	for _, c := range all {
		if !c.rates.ok() {
			return errors.New("a server answered nothing")
		}
	}
	return nil
}

// perCore is the row of two contenders; peer is nil when err says why there is
// none.
func (l *lab) perCore(name string, ours *contender, peerName string, peer *contender, err error) {
	r := row{Name: name, Ours: median(ours.rates.core), Unit: "1/s of a core", Note: "ours " + ours.rates.note()}
	if peer == nil {
		r.PeerName, r.Skip = peerName, err.Error()
		l.show.row(r)
		return
	}
	r = r.against(peerName, median(peer.rates.core))
	r.Note += "; " + peerName + " " + peer.rates.note()
	l.show.row(r)
}

// roleSTUN is coturn.
const roleSTUN = "stun"

var errNoTurnserver = errors.New("there is no turnserver; apt-get install coturn")

// lookSTUN finds coturn.
func lookSTUN() (string, error) {
	path, err := exec.LookPath("turnserver")
	if err != nil {
		return "", errNoTurnserver
	}
	return path, nil
}
