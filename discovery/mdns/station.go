package mdns

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The groups, RFC 6762 §3.
var (
	group4 = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: port}
	group6 = &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: port}
)

// packet is a message that was read.
type packet struct {
	data  []byte
	index int // of the interface; 0 when the system does not tell
	from  netip.AddrPort
}

// station is the two sockets of one who announces or searches, and the links
// they are joined to. One goroutine owns it, the readers aside.
type station struct {
	log     *slog.Logger
	names   []string
	v4      *ipv4.PacketConn // nil when there is no such socket
	v6      *ipv6.PacketConn
	links   map[int]*link
	packets chan packet
	readers sync.WaitGroup
	scanAt  time.Time
}

// openStation opens the sockets; other programs on this machine share the port.
func openStation(cfg Config) (*station, error) {
	s := &station{log: cfg.Log, names: cfg.Interfaces, links: make(map[int]*link), packets: make(chan packet, maxQueue)}
	err4, err6 := s.open4(), s.open6()
	if s.v4 == nil && s.v6 == nil {
		return nil, fmt.Errorf("opening multicast DNS: %w", errors.Join(err4, err6))
	}
	if s.v4 != nil {
		s.readers.Go(func() { s.read(s.receive4) })
	}
	if s.v6 != nil {
		s.readers.Go(func() { s.read(s.receive6) })
	}
	return s, nil
}

// open4 opens the IPv4 socket. Listening on a group makes the port a shared one.
func (s *station) open4() error {
	conn, err := net.ListenUDP("udp4", group4)
	if err != nil {
		return err
	}
	p := ipv4.NewPacketConn(conn)
	// Windows cannot tell the interface: then the sender's address does.
	_ = p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
	if err := errors.Join(p.SetMulticastTTL(hops), p.SetMulticastLoopback(true)); err != nil {
		conn.Close()
		return err
	}
	s.v4 = p
	return nil
}

func (s *station) open6() error {
	conn, err := net.ListenUDP("udp6", group6)
	if err != nil {
		return err
	}
	p := ipv6.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	if err := errors.Join(p.SetMulticastHopLimit(hops), p.SetMulticastLoopback(true)); err != nil {
		conn.Close()
		return err
	}
	s.v6 = p
	return nil
}

// close ends the readers.
func (s *station) close() {
	if s.v4 != nil {
		s.v4.Close()
	}
	if s.v6 != nil {
		s.v6.Close()
	}
	s.readers.Wait()
}

// received is one read: what came, by which interface, and whether it was sent
// to the group, as far as the system tells.
type received struct {
	n, index int
	from     net.Addr
	group    bool
}

func (s *station) receive4(b []byte) (r received, err error) {
	var cm *ipv4.ControlMessage
	r.n, cm, r.from, err = s.v4.ReadFrom(b)
	r.group = cm == nil || cm.Dst == nil || cm.Dst.IsMulticast()
	if cm != nil {
		r.index = cm.IfIndex
	}
	return r, err
}

func (s *station) receive6(b []byte) (r received, err error) {
	var cm *ipv6.ControlMessage
	r.n, cm, r.from, err = s.v6.ReadFrom(b)
	r.group = cm == nil || cm.Dst == nil || cm.Dst.IsMulticast()
	if cm != nil {
		r.index = cm.IfIndex
	}
	return r, err
}

// read hands on what comes until the socket is closed. It drops what is over
// the rate or the queue.
func (s *station) read(receive func([]byte) (received, error)) {
	buf := make([]byte, maxMessage)
	var second time.Time
	count, failed := 0, 0
	for failed < maxErrors {
		r, err := receive(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			failed++
			continue
		}
		failed = 0
		if now := time.Now(); now.Sub(second) >= time.Second {
			second, count = now, 0
		}
		count++
		from, ok := r.from.(*net.UDPAddr)
		if count > maxRate || !ok || !r.group {
			continue
		}
		at := from.AddrPort()
		select {
		case s.packets <- packet{append([]byte(nil), buf[:r.n]...), r.index, netip.AddrPortFrom(at.Addr().Unmap(), at.Port())}:
		default:
		}
	}
	s.log.Warn("listening to multicast DNS ended: the socket fails")
}

// link is the link that a packet came by; nil when it is none that we use.
func (s *station) link(p packet) *link {
	if p.index != 0 {
		return s.links[p.index]
	}
	for _, l := range s.links {
		if p.from.Addr().Zone() == l.Name || p.from.Addr().Zone() == "" && l.has(p.from.Addr()) {
			return l
		}
	}
	return nil
}

// scan looks for interfaces when that is due, joins the new ones and returns
// those that are new or changed.
func (s *station) scan(now time.Time) []*link {
	if now.Before(s.scanAt) {
		return nil
	}
	s.scanAt = now.Add(rescanEvery)
	list, err := interfaces(s.names)
	if err != nil {
		s.log.Warn("looking for interfaces", "err", err)
		return nil
	}
	var changed []*link
	there := make(map[int]*link, len(list))
	for _, l := range list {
		old := s.links[l.Index]
		s.join(l, old)
		if !l.v4 && !l.v6 {
			continue
		}
		there[l.Index] = l
		if old == nil || !old.same(l) {
			changed = append(changed, l)
		}
	}
	for index, old := range s.links {
		if there[index] == nil {
			s.leave(old)
		}
	}
	s.links = there
	return changed
}

// join joins the groups on a link, unless that was done.
func (s *station) join(l, old *link) {
	if old != nil {
		l.v4, l.v6 = old.v4, old.v6
	}
	if s.v4 != nil && !l.v4 && l.speaks(netip.Addr.Is4) {
		l.v4 = joined(s.v4.JoinGroup(&l.Interface, group4))
	}
	if s.v6 != nil && !l.v6 && l.speaks(netip.Addr.Is6) {
		l.v6 = joined(s.v6.JoinGroup(&l.Interface, group6))
	}
}

// joined reads the outcome of joining: who is a member already has joined.
func joined(err error) bool { return err == nil || errors.Is(err, syscall.EADDRINUSE) }

// leave ends the membership on a link that is not used any more; one that is
// gone has ended it by itself.
func (s *station) leave(l *link) {
	if l.v4 {
		_ = s.v4.LeaveGroup(&l.Interface, group4)
	}
	if l.v6 {
		_ = s.v6.LeaveGroup(&l.Interface, group6)
	}
}

// send multicasts a message on a link, and reports whether all of its groups
// could be told.
func (s *station) send(l *link, message []byte) bool {
	ok := true
	if l.v4 && l.speaks(netip.Addr.Is4) {
		err := s.v4.SetMulticastInterface(&l.Interface)
		if err == nil {
			_, err = s.v4.WriteTo(message, nil, group4)
		}
		ok = s.sent(l, err)
	}
	if l.v6 && l.speaks(netip.Addr.Is6) {
		err := s.v6.SetMulticastInterface(&l.Interface)
		if err == nil {
			_, err = s.v6.WriteTo(message, nil, group6)
		}
		ok = s.sent(l, err) && ok
	}
	return ok
}

// sent notes a message that could not be sent: the next scan sees an interface
// that went away, and an address that is new is of use in a second or two.
func (s *station) sent(l *link, err error) bool {
	if err != nil {
		s.log.Debug("sending multicast DNS", "interface", l.Name, "err", err)
	}
	return err == nil
}
