package hostile

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// patience is how long a Device waits for what should take milliseconds.
const patience = 30 * time.Second

// Device is a device that speaks to a node by hand, and whose every secret the
// test holds: its keys, and the seed of all its randomness. It owns no
// goroutine: it works while one of its methods waits. Not safe for concurrent
// use.
type Device struct {
	Key     *key.Device
	Static  *key.Static
	Account key.Hash

	// Notices are the notifications that came, each acknowledged.
	Notices []*mpp.Notify
	// Heard counts the messages of every kind that came.
	Heard int

	seed    [32]byte
	socket  *net.UDPConn
	ep      *rud.Endpoint
	conn    *rud.Conn
	serial  int64
	number  int64 // of posts
	epoch   *record.EpochKey
	node    key.Hash
	answers map[int64]mpp.Message
	buf     []byte
	failed  error
}

// NewDevice makes a device with a socket of its own, whose secrets all follow
// from a seed.
func NewDevice(seed byte) (*Device, error) {
	r := rand.NewChaCha8([32]byte{seed, 's'})
	draw := func() []byte { b := make([]byte, 32); r.Read(b); return b }
	static, err := key.StaticFromSeed(key.X25519, draw())
	if err != nil {
		return nil, err
	}
	device, err := key.DeviceFromSeed(draw())
	if err != nil {
		return nil, err
	}
	return Twin(seed, static, device, key.Hash{})
}

// Twin is a device that uses the keys of another one, which belongs to an
// account.
func Twin(seed byte, static *key.Static, device *key.Device, account key.Hash) (*Device, error) {
	d := &Device{
		Key: device, Static: static, Account: account,
		seed: [32]byte{seed, 'r'},
		// Above whatever the device it copies has used.
		serial:  1 << 40,
		answers: make(map[int64]mpp.Message),
		buf:     make([]byte, maxDatagram),
	}
	var err error
	if d.socket, err = listenUDP("127.0.0.1:0"); err != nil {
		return nil, err
	}
	d.ep, err = rud.NewEndpoint(rud.Config{Static: static, Rand: d.randomness(), Send: d.send, Handler: d})
	if err != nil {
		d.socket.Close()
		return nil, err
	}
	return d, nil
}

// randomness is the source that the device's handshake draws from, from its
// beginning.
func (d *Device) randomness() io.Reader { return rand.NewChaCha8(d.seed) }

// Addr is the device's own address.
func (d *Device) Addr() netip.AddrPort { return local(d.socket) }

// Close ends the device, in silence.
func (d *Device) Close() { d.socket.Close() }

func (d *Device) send(to netip.AddrPort, packet []byte) {
	if _, err := d.socket.WriteToUDPAddrPort(packet, to); err != nil {
		d.failed = err
	}
}

// Opened implements rud.Handler.
func (d *Device) Opened(time.Time, *rud.Conn) {}

// Moved implements rud.Handler.
func (d *Device) Moved(time.Time, *rud.Conn) {}

// Closed implements rud.Handler.
func (d *Device) Closed(_ time.Time, _ *rud.Conn, reason rud.Reason) {
	d.failed = fmt.Errorf("the connection ended: %v", reason)
}

// Message implements rud.Handler: answers are kept for who asked, notifications
// kept and acknowledged.
func (d *Device) Message(now time.Time, c *rud.Conn, m rud.Message) {
	if len(m.Payload) == 0 {
		return
	}
	d.Heard++
	msg, err := mpp.Parse(m.Payload)
	if err != nil {
		d.failed = err
		return
	}
	if n, ok := msg.(*mpp.Notify); ok {
		d.Notices = append(d.Notices, n)
		ack := &mpp.Acknowledge{FromClient: mpp.FromClient{Serial: mpp.N(d.next()), Acknowledge: n.Serial}}
		if _, err := c.Send(now, ack.Append(nil)); err != nil {
			d.failed = err
		}
		return
	}
	if r, ok := msg.(mpp.Response); ok {
		d.answers[r.Base().Acknowledge.Value] = msg
	}
}

func (d *Device) next() int64 { d.serial++; return d.serial }

// Until works until the condition holds.
func (d *Device) Until(done func() bool) error {
	end := time.Now().Add(patience)
	for !done() {
		now := time.Now()
		switch {
		case d.failed != nil:
			return d.failed
		case now.After(end):
			return errors.New("waiting for the node: nothing came")
		}
		wait := end
		if at := d.ep.Deadline(); !at.IsZero() && at.Before(wait) {
			if !at.After(now) {
				d.ep.Advance(now)
				continue
			}
			wait = at
		}
		if err := d.receive(wait); err != nil {
			return err
		}
	}
	return d.failed
}

// receive takes one datagram if one comes in time.
func (d *Device) receive(wait time.Time) error {
	if err := d.socket.SetReadDeadline(wait); err != nil {
		return err
	}
	n, from, err := d.socket.ReadFromUDPAddrPort(d.buf)
	var late net.Error
	switch {
	case err == nil:
		d.ep.Receive(time.Now(), from, d.buf[:n])
	case errors.As(err, &late) && late.Timeout():
	default:
		return fmt.Errorf("reading from the node: %w", err)
	}
	return nil
}

// Dial opens a connection to a node whose fingerprint is known.
func (d *Device) Dial(to netip.AddrPort, expect [18]byte) (err error) {
	if d.conn, err = d.ep.Dial(time.Now(), rud.Target{To: to, Pin: handshake.Pin{Expect: expect}}); err != nil {
		return err
	}
	return d.Until(d.conn.Proved)
}

// Ask sends a message and returns its answer.
func (d *Device) Ask(m mpp.Request) (mpp.Message, error) {
	n := d.next()
	m.Base().Serial = mpp.N(n)
	if _, err := d.conn.Send(time.Now(), m.Append(nil)); err != nil {
		return nil, fmt.Errorf("sending %s: %w", m.Tag(), err)
	}
	err := d.Until(func() bool { return d.answers[n] != nil })
	if err != nil {
		return nil, fmt.Errorf("waiting for the answer to %s: %w", m.Tag(), err)
	}
	return d.answers[n], nil
}

// Conn is the connection dialled last.
func (d *Device) Conn() *rud.Conn { return d.conn }

// Say sends a message on one of the device's connections and does not wait for
// its answer.
func (d *Device) Say(on *rud.Conn, m mpp.Request) error {
	m.Base().Serial = mpp.N(d.next())
	if _, err := on.Send(time.Now(), m.Append(nil)); err != nil {
		return fmt.Errorf("sending %s: %w", m.Tag(), err)
	}
	return nil
}

// Beat sends a heartbeat and waits for its answer: whatever the node had for
// the device before, it has sent.
func (d *Device) Beat() error {
	answer, err := d.Ask(new(mpp.Heartbeat))
	if err == nil && answer.Tag() != "PresenceStatus" {
		err = fmt.Errorf("a heartbeat was answered %s", answer.Tag())
	}
	return err
}

// today is the time for facts.
func today() wall.Time { return wall.Of(time.Now()) }

// Found makes an account with this device as its first, at the node dialled.
func (d *Device) Found(account *key.Account) error {
	d.Account = account.Author().Hash()
	base := record.Base{Serial: 1, Time: today(), Account: d.Account}
	device, err := record.Sign(account, key.Hash{}, base,
		&record.Device{Key: d.Key.Author(), Agreement: d.Static.Public(), Roles: record.Watch | record.Publish})
	if err != nil {
		return err
	}
	d.epoch = record.NewEpochKey()
	to := []record.Recipient{{Device: d.Key.Author().Hash(), Agreement: d.Static.Public(), Name: "by hand"}}
	epoch, err := record.SignEpoch(account, base, 1, d.epoch, to, nil)
	if err != nil {
		return err
	}
	return d.Bring(device, epoch)
}

// Bring hands facts to the node, which has to take them all.
func (d *Device) Bring(facts ...*record.Fact) error {
	answer, err := d.Offer(facts...)
	if err != nil {
		return err
	}
	for _, r := range answer.Results {
		if code := r.Code.Code(); !code.Success() {
			return fmt.Errorf("bringing facts: answered %s", code.Name())
		}
	}
	return nil
}

// Offer hands facts to the node and returns what became of them.
func (d *Device) Offer(facts ...*record.Fact) (*mpp.FactResponse, error) {
	m := new(mpp.FactRequest)
	for _, f := range facts {
		m.Facts = append(m.Facts, f.Append(nil))
	}
	return asked[*mpp.FactResponse](d, m)
}

func asked[A mpp.Message](d *Device, m mpp.Request) (A, error) {
	var none A
	msg, err := d.Ask(m)
	if err != nil {
		return none, err
	}
	answer, ok := msg.(A)
	if !ok {
		return none, fmt.Errorf("%s was answered %s, %s", m.Tag(), msg.Tag(), msg.(mpp.Response).Base().Status.Code().Name())
	}
	return answer, nil
}

// Watch attaches the device at the node, for all channels.
func (d *Device) Watch() error {
	if err := d.meet(); err != nil {
		return err
	}
	attach, err := d.Attach(d.node)
	if err != nil {
		return err
	}
	return d.WatchBy(attach)
}

// Attach signs that these nodes may speak for the device; none of them detaches
// it.
func (d *Device) Attach(nodes ...key.Hash) (*record.Fact, error) {
	base := record.Base{Serial: d.next(), Time: today(), Expires: today().Add(record.Life(record.KindAttach)), Account: d.Account}
	return record.Sign(d.Key, key.Hash{}, base, &record.Attach{Nodes: nodes})
}

// WatchBy attaches the device at the node by an attach fact that names it.
func (d *Device) WatchBy(attach *record.Fact) error {
	if err := d.Bring(attach); err != nil {
		return err
	}
	h := attach.Hash()
	_, err := asked[*mpp.ConnectResponse](d, &mpp.ConnectRequest{Attach: h[:]})
	return err
}

// meet learns the node's name.
func (d *Device) meet() error {
	answer, err := asked[*mpp.FactResponse](d, &mpp.FactRequest{Want: []mpp.Want{{Kind: string(record.KindNode), All: true}}})
	if err != nil {
		return err
	}
	for _, raw := range answer.Facts {
		f, err := record.Parse(raw)
		if err != nil {
			return err
		}
		if n, ok := f.Body.(*record.Node); ok && n.Agreements[0] == d.conn.Peer() {
			d.node = f.Author.Hash()
			return nil
		}
	}
	return errors.New("meeting the node: it did not show its card")
}

// SealTo makes an epoch the one that the device's posts are sealed to from now
// on.
func (d *Device) SealTo(k *record.EpochKey) { d.epoch = k }

// Post signs an event: a status when it has a label, in clear or sealed to the
// device's own epoch.
func (d *Device) Post(channel, label string, data []byte, clear bool) (*record.Fact, error) {
	base := record.Base{Serial: d.next(), Time: today(), Expires: today().Add(time.Hour), Account: d.Account}
	e := &record.Event{Channel: channel}
	number := base.Serial
	if label != "" {
		tag := record.Tag(key.Secret(d.seed), d.Account, channel, label)
		e.Tag = tag[:]
	} else {
		d.number++
		e.Sequence, e.Oldest = d.number, 1
		number = d.number
	}
	payload := record.Payload{Label: label, Data: data}
	e.Payload = payload.Append(nil)
	if !clear {
		e.Epoch = d.epoch.Public()
		sealed, err := record.SealEvent(e.Epoch, d.Account, d.Key.Author().Hash(), number, channel, e.Payload)
		if err != nil {
			return nil, err
		}
		e.Payload = sealed
	}
	return record.Sign(d.Key, key.Hash{}, base, e)
}

// Publish hands an event to the node.
func (d *Device) Publish(f *record.Fact) (*mpp.PublishResponse, error) {
	return asked[*mpp.PublishResponse](d, &mpp.PublishRequest{Event: f.Append(nil)})
}

// Delivered returns the hashes of the events that notifications brought, in
// order, repetitions included.
func (d *Device) Delivered() (hashes []key.Hash, err error) {
	for _, n := range d.Notices {
		for _, raw := range n.Events {
			f, err := record.Parse(raw)
			if err != nil {
				return nil, err
			}
			hashes = append(hashes, f.Hash())
		}
	}
	return hashes, nil
}
