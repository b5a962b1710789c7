package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// rubbishCost is what one kind of rubbish costs in our code.
type rubbishCost struct {
	Name   string
	Nanos  float64 // of a datagram, the best of many short runs
	Allocs float64
}

// rubbish measures the engine alone, inside a server process.
func rubbish() ([]rubbishCost, error) {
	p, err := newPair()
	if err != nil {
		return nil, err
	}
	var list []rubbishCost
	for _, k := range kinds(p.data) {
		list = append(list, p.cost(k))
	}
	return list, nil
}

// kind is one kind of rubbish; each has many packets, that no cache or table
// knows the next one.
type kind struct {
	name    string
	packets [][]byte
}

// kinds makes them; data is a packet of a live connection, or nothing.
func kinds(data []byte) []kind {
	id, header := data[:min(len(data), wire.SizeID)], data[:min(len(data), wire.SizeID+wire.SizeHeader)]
	make1 := func(name string, size int, mend func(b []byte)) kind {
		k := kind{name: name}
		for range 256 {
			b := make([]byte, size)
			_, _ = rand.Read(b) // never fails
			mend(b)
			k.packets = append(k.packets, b)
		}
		return k
	}
	zeros := func(b []byte) { clear(b[:16]) }
	live := func(b []byte) { copy(b, id) }
	return []kind{
		make1("unknown id, 64 bytes", 64, func([]byte) {}),
		make1("unknown id, 1200 bytes", 1200, func([]byte) {}),
		make1("live id, 64 bytes", 64, live),
		make1("live id, 1200 bytes", 1200, live),
		make1("a true header and a false tag, 64 bytes", 64, func(b []byte) { copy(b, header) }),
		make1("a true header and a false tag, 1200 bytes", 1200, func(b []byte) { copy(b, header) }),
		make1("zeros, then random, 1200 bytes", 1200, zeros),
		make1("Complete without a Challenge, 1200 bytes", 1200, func(b []byte) {
			zeros(b)
			b[16], b[17], b[18] = wire.TypeComplete, wire.Version, byte(wire.SuiteX25519AESGCM)
		}),
		make1("Hello over the bucket, 1200 bytes", 1200, func(b []byte) {
			clear(b[27:]) // no key is expected, and nothing is asked
			zeros(b)
			b[16], b[17], b[18] = wire.TypeHello, wire.Version, byte(wire.SuiteX25519AESGCM)
		}),
	}
}

// pair is a listening Endpoint with one open connection.
type pair struct {
	node, device *rud.Endpoint
	from         netip.AddrPort
	data         []byte // a packet of the connection to the node
}

// silent is a Handler that does nothing.
type silent struct{}

func (silent) Opened(time.Time, *rud.Conn)               {}
func (silent) Message(time.Time, *rud.Conn, rud.Message) {}
func (silent) Closed(time.Time, *rud.Conn, rud.Reason)   {}
func (silent) Moved(time.Time, *rud.Conn)                {}

func newPair() (*pair, error) {
	nodeKey, err := key.NewStatic(key.X25519)
	if err != nil {
		return nil, err
	}
	deviceKey, err := key.NewStatic(key.X25519)
	if err != nil {
		return nil, err
	}
	p := &pair{from: netip.MustParseAddrPort("127.16.0.1:4000")}
	to := netip.MustParseAddrPort("127.0.0.1:6770")
	var toNode, toDevice [][]byte
	p.node, err = rud.NewEndpoint(rud.Config{Static: nodeKey, Listen: true, Handler: silent{},
		Send: func(_ netip.AddrPort, b []byte) { toDevice = append(toDevice, append([]byte(nil), b...)) }})
	if err != nil {
		return nil, err
	}
	p.device, err = rud.NewEndpoint(rud.Config{Static: deviceKey, Handler: silent{},
		Send: func(_ netip.AddrPort, b []byte) { toNode = append(toNode, append([]byte(nil), b...)) }})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if _, err = p.device.Dial(now, rud.Target{To: to, Pin: handshake.Pin{Key: nodeKey.Public()}, FirstContact: true}); err != nil {
		return nil, err
	}
	for len(toNode)+len(toDevice) > 0 {
		if len(toNode) > 0 {
			b := toNode[0]
			toNode = toNode[1:]
			if binary.BigEndian.Uint64(b) != 0 {
				p.data = b
			}
			p.node.Receive(now, p.from, b)
			continue
		}
		b := toDevice[0]
		toDevice = toDevice[1:]
		p.device.Receive(now, to, b)
	}
	if p.data == nil {
		return nil, errors.New("the two ends of a connection did not meet")
	}
	return p, nil
}

// cost feeds rubbish in short runs and keeps the best: what the machine does
// beside makes a run longer and never shorter.
func (p *pair) cost(k kind) rubbishCost {
	now := time.Now()
	run := func() {
		for _, b := range k.packets {
			p.node.Receive(now, p.from, b)
		}
	}
	run()
	c := rubbishCost{Name: k.name}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const runs = 400
	for range runs {
		start := time.Now()
		run()
		if d := float64(time.Since(start)) / float64(len(k.packets)); c.Nanos == 0 || d < c.Nanos {
			c.Nanos = d
		}
	}
	runtime.ReadMemStats(&after)
	c.Allocs = float64((after.Mallocs-before.Mallocs)/runs) / float64(len(k.packets))
	return c
}

// flood is a load that sends rubbish at a pace and expects nothing.
type flood struct {
	w       *line
	packets [][]byte
	start   time.Time
	sent    int
}

// floodRate is the rubbish a second: assurance A3's.
const floodRate = 50_000

func (f *flood) begin(now time.Time) { f.start, f.sent = now, 0 }

func (f *flood) receive(time.Time, int, []byte) {}

func (f *flood) tick(now time.Time) {
	for due := int(now.Sub(f.start).Seconds() * floodRate); f.sent < due; f.sent++ {
		f.w.send(f.sent%1024, f.packets[f.sent%len(f.packets)])
	}
}

// rubbish tells the cost of a datagram in our code, and to the whole process
// beside one that reads it and does nothing.
func (l *lab) rubbish(ctx context.Context) error {
	node, err := l.server(ctx, roleNode)
	if err != nil {
		return err
	}
	echo, err := l.server(ctx, roleEcho)
	if err != nil {
		return err
	}
	to, err := addrOf(node.hello.Address)
	if err != nil {
		return err
	}
	junk := kinds(nil)[0].packets
	for _, b := range junk {
		b[0], b[1] = 0, 0 // the echo answers none of these
		b[2] |= 1         // and no handshake begins so
	}
	ours, stop, err := floodRounds(ctx, node, to, junk, l.o.span)
	if err != nil {
		return err
	}
	defer stop()
	theirs, stop, err := floodRounds(ctx, echo, echo.hello.Addr, junk, l.o.span)
	if err != nil {
		return err
	}
	defer stop()
	if err := l.alternate(ctx, ours, theirs); err != nil {
		return err
	}
	r := row{Name: "rubbish: the process", Unit: "us of CPU", Ours: 1e6 / median(ours.rates.core)}
	r.Note = fmt.Sprintf("less is better; %d a second, server %.0f%% busy", floodRate, median(ours.rates.busy))
	l.show.row(r.against("raw read", 1e6/median(theirs.rates.core)))
	a, err := echo.ask("rubbish")
	if err != nil {
		return err
	}
	for _, c := range a.Rubbish {
		l.show.row(row{Name: "rubbish: " + c.Name, Ours: c.Nanos / 1000, Unit: "us, in our code",
			Note: fmt.Sprintf("less is better; %g allocations", c.Allocs)})
	}
	return nil
}

func floodRounds(ctx context.Context, s *child, to netip.AddrPort, junk [][]byte, span time.Duration) (*contender, func(), error) {
	w, err := newLine(to)
	if err != nil {
		return nil, nil, err
	}
	f := &flood{w: w, packets: junk}
	return &contender{server: s, round: func() (int, error) {
		err := w.drive(ctx, f, span, never)
		return f.sent, err
	}}, w.close, nil
}
