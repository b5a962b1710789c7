package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
	"meshpresence/transport/udpport"
)

// Errors that callers branch on.
var (
	// ErrNoNode: no address to try is known.
	ErrNoNode = errors.New("no node is known: give one with --node mpp://host:port/FINGERPRINT, or set PRESENCE_NODE")
	// ErrNoAnswer: no node answered in time.
	ErrNoAnswer = errors.New("no node answered in time: check that it runs and that UDP reaches it")
	// ErrFingerprint: the node at a pinned address has another key now.
	ErrFingerprint = errors.New("the node has another key than the pinned one: someone may be in between, or it was set up anew; pin it again only if you know why")
	// errReset: the node started again, and said so.
	errReset = errors.New("the node started again")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("the client is closed")
)

// Refusal is a node's answer that says no.
type Refusal struct{ Code mpp.Code }

// Error says what to do next.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s: %s", r.Code.Name(), r.Code.Sentence())
}

const (
	posts     = 64 // functions waiting for the loop
	readAhead = 4
	// maxNotices bounds the notifications waiting for the application; the node
	// repeats what finds no room.
	maxNotices = 16
)

// Client is a device's connection to the presence service: to one node at a
// time, and by itself to the next it knows when that one falls silent. Its
// methods are safe for concurrent use.
type Client struct {
	profile *Profile
	cfg     Config
	wall    wall.Clock
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	posts chan func(now time.Time)
	full  chan inflow
	empty chan *udpport.Batch
	stop  chan struct{}
	// acting is held by the one act of the account's key under way.
	acting chan struct{}

	// Owned by the loop.
	sockets    sockets
	ep         *rud.Endpoint
	waiting    map[int64]chan<- mpp.Message
	links      map[*link]struct{} // with a connection that has not ended
	handshakes int                // that were completed

	// Guarded by mu.
	mu      sync.Mutex
	link    *link         // nil while there is none
	changed chan struct{} // closed and renewed when link changes
	failed  error         // why there is no link, as the last round found
	verdict verdict       // what that means for who waits
	sub     *subscription // what Watch wants, nil when nothing
	trusted discovery.Address
	found   []discovery.Address  // by Config.Find, and confirmed
	stale   map[knownNode]bool   // keys that were dialled in vain: First Contact is next
	resumed bool                 // our newest posts were asked for
	watched chan struct{}        // a Watch began or changed: the keeper attaches
	joins   map[joinID]chan word // under way, by the Id of their code
	waking  waking
}

// Dial opens the profile's way to the service: it returns at once and reaches
// for a node in the background until Close. Calls wait for it.
func Dial(p *Profile, cfg Config) (*Client, error) {
	c := newClient(p, cfg)
	p.mu.Lock()
	p.wall = cfg.Wall
	p.mu.Unlock()
	if _, err := c.candidates(); c.nothingToTry(err) {
		return nil, err
	}
	if err := c.listen(p.static); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.ended.Add(1)
	go c.keep(ctx)
	return c, nil
}

func newClient(p *Profile, cfg Config) *Client {
	c := &Client{
		profile: p, cfg: cfg.withDefaults(), wall: cfg.Wall,
		cancel:  func() {},
		posts:   make(chan func(time.Time), posts),
		full:    make(chan inflow, readAhead),
		empty:   make(chan *udpport.Batch, readAhead),
		stop:    make(chan struct{}),
		acting:  make(chan struct{}, 1),
		waiting: make(map[int64]chan<- mpp.Message),
		links:   make(map[*link]struct{}),
		changed: make(chan struct{}),
		joins:   make(map[joinID]chan word),
		watched: make(chan struct{}, 1),
		waking:  waking{token: make(chan struct{}, 1)},
	}
	for range readAhead {
		c.empty <- new(udpport.Batch)
	}
	return c
}

// listen opens the socket and starts the loop on it.
func (c *Client) listen(static *key.Static) (err error) {
	port, err := c.cfg.Ports(c.cfg.Listen)
	if err != nil {
		return fmt.Errorf("opening a UDP socket: %w", err)
	}
	c.ep, err = rud.NewEndpoint(rud.Config{Static: static, Send: c.send, Reply: c.reply, Wall: c.wall, Handler: c})
	if err != nil {
		port.Close()
		return err
	}
	c.use(time.Now(), port)
	c.ended.Add(1)
	go c.loop()
	return nil
}

// Close ends every call under way and the background work.
func (c *Client) Close() error {
	c.mu.Lock()
	select {
	case <-c.stop:
		c.mu.Unlock()
		return nil
	default:
	}
	close(c.stop)
	c.mu.Unlock()
	c.cancel()
	c.ended.Wait()
	return nil
}

// Profile returns the device's profile.
func (c *Client) Profile() *Profile { return c.profile }

// Node returns the address of the node in use, with its fingerprint, or "".
func (c *Client) Node() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return ""
	}
	return c.link.address.String()
}

// Attached waits until a node serves this device: until it watches there when
// something is watched, else until it answers.
func (c *Client) Attached(ctx context.Context) error {
	for {
		l, err := c.ready(ctx)
		if err != nil {
			return err
		}
		c.mu.Lock()
		done, changed := c.sub == nil || l.sub == c.sub, c.changed
		c.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-c.stop:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("attaching at %s: %w", l.address, ErrNoAnswer)
		}
	}
}

// post runs f in the loop, soon.
func (c *Client) post(ctx context.Context, f func(now time.Time)) error {
	select {
	case c.posts <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.stop:
		return ErrClosed
	}
}

// send implements rud.Config.Send. It runs in the loop.
func (c *Client) send(to netip.AddrPort, packet []byte) { c.sockets.to(to).Send(to, packet) }

// reply implements rud.Config.Reply.
func (c *Client) reply(to netip.AddrPort, packet []byte) { c.sockets.reply(to).Send(to, packet) }

// loop owns the endpoint.
func (c *Client) loop() {
	defer c.ended.Done()
	defer func() { c.sockets.close() }()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case b := <-c.full:
			c.take(time.Now(), b)
			c.empty <- b.Batch
		case f := <-c.posts:
			f(time.Now())
		case <-timer.C:
		case <-c.stop:
			c.leave(time.Now())
			return
		}
		timer.Reset(c.turn(time.Now()))
	}
}

// leave tells every node that this device goes, so that none tries to reach it.
func (c *Client) leave(now time.Time) {
	for l := range c.links {
		l.conn.Leave(now)
	}
	_ = c.sockets.flush()
}

func (c *Client) turn(now time.Time) time.Duration {
	if d := c.ep.Deadline(); !d.IsZero() && !d.After(now) {
		c.ep.Advance(now)
	}
	if at := c.sockets.reopen; !at.IsZero() && !now.Before(at) {
		c.reopen(now)
	}
	if c.sockets.advance(now, len(c.links) > 0) {
		c.cfg.Log.Info("nothing came through the socket in use: going back to the one before")
		c.moved(now)
	}
	if err := c.sockets.flush(); err != nil {
		c.cfg.Log.Debug("sending", "err", err)
	}
	next := c.sockets.deadline()
	if d := c.ep.Deadline(); !d.IsZero() && (next.IsZero() || d.Before(next)) {
		next = d
	}
	if next.IsZero() {
		return time.Hour
	}
	return max(0, next.Sub(now))
}

// Opened implements rud.Handler.
func (c *Client) Opened(_ time.Time, conn *rud.Conn) {
	if l, ok := conn.App.(*link); ok {
		c.handshakes++
		l.open()
	}
}

// Closed implements rud.Handler.
func (c *Client) Closed(_ time.Time, conn *rud.Conn, reason rud.Reason) {
	if l, ok := conn.App.(*link); ok {
		delete(c.links, l)
		err := fmt.Errorf("the connection ended: %v", reason)
		if reason == rud.ReasonReset {
			err = errReset
		}
		l.end(err)
	}
}

// Moved implements rud.Handler.
func (c *Client) Moved(time.Time, *rud.Conn) {}

// Message implements rud.Handler: answers go to who asked, notifications to
// who watches.
func (c *Client) Message(now time.Time, conn *rud.Conn, m rud.Message) {
	l, ok := conn.App.(*link)
	if !ok || len(m.Payload) == 0 {
		return
	}
	msg, err := mpp.Parse(m.Payload)
	if err != nil {
		c.cfg.Log.Debug("reading a message", "err", err)
		return
	}
	if n, ok := msg.(*mpp.Notify); ok {
		c.notice(l, n)
		return
	}
	base, ok := msg.(interface{ Base() *mpp.FromService })
	if !ok {
		return
	}
	c.heardClock(base.Base().Now)
	if m, ok := msg.(*mpp.Join); ok {
		c.joined(m)
		return
	}
	if !base.Base().Acknowledge.Set {
		if _, ok := msg.(*mpp.Status); ok {
			c.called(now)
		}
		return
	}
	l.asked.answered(now, msg, base.Base().Acknowledge.Value)
	if answer := c.waiting[base.Base().Acknowledge.Value]; answer != nil {
		select {
		case answer <- msg:
		default: // answered already
		}
	}
}
