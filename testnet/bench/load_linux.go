package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/udf"
	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// load is what devices do on a line.
type load interface {
	begin(now time.Time)
	receive(now time.Time, device int, packet []byte)
	tick(now time.Time) // about every tickEvery
}

// tickEvery is how often a load looks at its clocks.
const tickEvery = 5 * time.Millisecond

// drive runs a load for a while, or until done says so.
func (w *line) drive(ctx context.Context, l load, span time.Duration, done func() bool) error {
	now := time.Now()
	end, tick := now.Add(span), now
	l.begin(now)
	for now.Before(end) && !done() {
		w.flush()
		n := w.read()
		now = time.Now()
		for i := range n {
			device, b := w.message(i)
			l.receive(now, device, b)
		}
		if now.Sub(tick) >= tickEvery {
			tick = now
			l.tick(now)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	w.flush()
	return nil
}

func never() bool { return false }

// plain is a load whose requests are the same bytes but for a number: of the raw
// echo, and of STUN.
type plain struct {
	w       *line
	devices int
	request []byte
	number  int // where in the request 4 bytes tell one from another
	answers int
	latency *[]int64 // nanoseconds, when asked for
	sentAt  []time.Time
}

func (p *plain) begin(now time.Time) {
	p.sentAt = make([]time.Time, p.devices)
	for i := range p.devices {
		p.ask(now, i)
	}
}

func (p *plain) ask(now time.Time, device int) {
	if p.latency != nil {
		now = time.Now() // for a lone packet the batch's time is too old
	}
	p.sentAt[device] = now
	binary.BigEndian.PutUint32(p.request[p.number:], uint32(p.w.sent+p.w.n))
	p.w.send(device, p.request)
}

func (p *plain) receive(now time.Time, device int, _ []byte) {
	if device >= p.devices {
		return
	}
	p.answers++
	if p.latency != nil {
		*p.latency = append(*p.latency, int64(now.Sub(p.sentAt[device])))
	}
	p.ask(now, device)
}

// tick asks again where a packet was lost.
func (p *plain) tick(now time.Time) {
	for i, at := range p.sentAt {
		if now.Sub(at) > 200*time.Millisecond {
			p.ask(now, i)
		}
	}
}

// device is one device of a RUD load.
type device struct {
	f     *fleet
	i     int
	ep    *rud.Endpoint
	conn  *rud.Conn
	open  bool
	asked time.Time
}

// fleet is all devices of a RUD load. What they do when a connection is there and
// when an answer came is set by the measurement.
type fleet struct {
	w       *line
	node    key.Agreement // once one of them met it
	pin     handshake.Pin
	devices []*device

	target  rud.Target // of every dial
	opened  func(now time.Time, d *device)
	message func(now time.Time, d *device)
	again   []*device // to be closed and dialled when the call of the engine is over
	modes   [8]int    // handshakes by mode
	pace    func(now time.Time)

	serial  int64
	buf     []byte
	answers int
	opens   int
}

// addrOf is where a node's address says that it listens.
func addrOf(address string) (netip.AddrPort, error) {
	a, err := discovery.ParseAddress(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ip, err := netip.ParseAddr(a.Host)
	return netip.AddrPortFrom(ip, a.Port), err
}

// newFleet makes n devices with keys of their own.
func newFleet(w *line, address string, n int) (*fleet, error) {
	a, err := discovery.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	f := &fleet{w: w}
	if f.pin.Expect, err = udf.ParseExpect(a.Fingerprint); err != nil {
		return nil, err
	}
	for i := range n {
		if err := f.add(i); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *fleet) add(i int) error {
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		return err
	}
	d := &device{f: f, i: i}
	d.ep, err = rud.NewEndpoint(rud.Config{
		Static: static, Handler: d,
		Send: func(_ netip.AddrPort, packet []byte) { f.w.send(i, packet) },
	})
	f.devices = append(f.devices, d)
	return err
}

// Opened implements rud.Handler.
func (d *device) Opened(now time.Time, c *rud.Conn) {
	d.open = true
	d.f.opens++
	d.f.node = c.Peer()
	if d.f.opened != nil {
		d.f.opened(now, d)
	}
}

// Message implements rud.Handler.
func (d *device) Message(now time.Time, _ *rud.Conn, m rud.Message) {
	if len(m.Payload) == 0 {
		return
	}
	d.f.answers++
	if d.f.message != nil {
		d.f.message(now, d)
	}
}

// Closed implements rud.Handler.
func (d *device) Closed(time.Time, *rud.Conn, rud.Reason) { d.open = false }

// Moved implements rud.Handler.
func (d *device) Moved(time.Time, *rud.Conn) {}

func (d *device) dial(now time.Time) error {
	t := d.f.target
	t.To = d.f.w.server
	if t.Pin.Key == "" {
		t.Pin = d.f.pin
	}
	var err error
	d.asked = now
	d.conn, err = d.ep.Dial(now, t)
	return err
}

// begin lets the open ones ask; the measurement dials.
func (f *fleet) begin(now time.Time) {
	for _, d := range f.devices {
		if d.open && f.message != nil {
			f.message(now, d)
		}
	}
}

func (f *fleet) receive(now time.Time, i int, packet []byte) {
	if i >= len(f.devices) {
		return
	}
	f.devices[i].ep.Receive(now, f.w.server, packet)
	for _, d := range f.again {
		d.conn.Close(now)
		_ = d.dial(now) // it dialled before
	}
	f.again = f.again[:0]
}

func (f *fleet) tick(now time.Time) {
	for _, d := range f.devices {
		if at := d.ep.Deadline(); !at.IsZero() && !at.After(now) {
			d.ep.Advance(now)
		}
	}
	if f.pace != nil {
		f.pace(now)
	}
}

// meet opens all connections, so many under way at a time.
func (f *fleet) meet(ctx context.Context, width int) error {
	next := 0
	more := func(now time.Time) {
		if next < len(f.devices) {
			_ = f.devices[next].dial(now)
			next++
		}
	}
	f.opened, f.message = func(now time.Time, _ *device) { more(now) }, nil
	for range width {
		more(time.Now())
	}
	f.opens = 0
	err := f.w.drive(ctx, f, time.Minute, func() bool { return f.opens >= len(f.devices) })
	f.opened = nil
	if err == nil && f.opens < len(f.devices) {
		err = fmt.Errorf("after a minute %d of %d devices are connected", f.opens, len(f.devices))
	}
	if err != nil {
		return err
	}
	// the first Data and its acknowledgement are on their way
	return f.w.drive(ctx, f, 100*time.Millisecond, never)
}

// ask sends one request of a device.
func (f *fleet) ask(now time.Time, d *device, m mpp.Request) {
	f.serial++
	m.Base().Serial = mpp.N(f.serial)
	f.buf = m.Append(f.buf[:0])
	if _, err := d.conn.Send(now, f.buf); err != nil && !errors.Is(err, rud.ErrFull) {
		panic(err) // the bench's own mistake
	}
}
