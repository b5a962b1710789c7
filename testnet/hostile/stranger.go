package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// helloAgain is how often a Stranger sends its Hello until it is answered: the
// node answers ten a second of one prefix once its burst is used up.
const helloAgain = 100 * time.Millisecond

// Stranger is somebody with a socket and no keys. Not safe for concurrent use.
type Stranger struct {
	conn *net.UDPConn
	buf  []byte
	own  map[wire.ID]bool // of the Hellos of Settle
}

// NewStranger opens a socket towards a node.
func NewStranger(to netip.AddrPort) (*Stranger, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, fmt.Errorf("opening a stranger's socket: %w", err)
	}
	return &Stranger{c, make([]byte, maxDatagram), make(map[wire.ID]bool)}, nil
}

// Close closes the socket.
func (s *Stranger) Close() { s.conn.Close() }

// Send sends one datagram.
func (s *Stranger) Send(data []byte) error {
	_, err := s.conn.Write(data)
	return err
}

// Hello returns a Hello of that size that any newcomer could send, and the id
// that its Challenge begins with.
func Hello(size int) (packet []byte, id wire.ID, err error) {
	machine, err := handshake.NewInitiator(time.Now(), handshake.InitiatorConfig{Size: size})
	if err != nil {
		return nil, id, err
	}
	id, _ = machine.IDs()
	return machine.Next(time.Now()), id, nil
}

// Settle sends a newcomer's Hello and returns what came back before its
// Challenge: everything that the node had to say to what was sent before, since
// one socket speaks in order. That the Challenge came is the control: the node
// is alive, and an answer would have been seen.
func (s *Stranger) Settle() (before [][]byte, err error) {
	hello, id, err := Hello(wire.MaxPacket)
	if err != nil {
		return nil, err
	}
	s.own[id] = true
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		if err := s.Send(hello); err != nil {
			return nil, err
		}
		again := time.Now().Add(helloAgain)
		for time.Now().Before(again) {
			packet, err := s.read(again)
			if err != nil {
				return nil, err
			}
			switch {
			case packet == nil:
			case len(packet) >= wire.SizeID && wire.ID(packet[:wire.SizeID]) != id && s.own[wire.ID(packet[:wire.SizeID])]:
				// a second answer to an earlier Settle that had to ask twice
			case bytes.HasPrefix(packet, id[:]):
				return before, nil
			default:
				before = append(before, packet)
			}
		}
	}
	return nil, errors.New("a newcomer's Hello got no Challenge")
}

// read returns one datagram, nil when none came in time.
func (s *Stranger) read(until time.Time) ([]byte, error) {
	if err := s.conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	n, err := s.conn.Read(s.buf)
	var late net.Error
	switch {
	case err == nil:
		return bytes.Clone(s.buf[:n]), nil
	case errors.As(err, &late) && late.Timeout():
		return nil, nil
	}
	return nil, fmt.Errorf("reading what came back: %w", err)
}

// IsChallenge reports whether a packet has the form of a Challenge.
func IsChallenge(packet []byte) bool {
	kind, ok := wire.BackType(packet)
	return ok && kind == wire.TypeChallenge && len(packet) == wire.SizeChallenge(wire.SuiteX25519AESGCM)
}

// IsAnswer reports whether a packet has the form of a ResponderComplete for the
// initiator that issued the id.
func IsAnswer(packet []byte, id wire.ID) bool {
	kind, ok := wire.BackType(packet)
	return ok && kind == wire.TypeResponderComplete && bytes.HasPrefix(packet, id[:])
}

// FirstKind returns the type of a packet that begins a handshake, 0 for others.
func FirstKind(packet []byte) byte {
	if id, ok := wire.First(packet); !ok || !id.IsZero() {
		return 0
	}
	kind, _ := wire.FirstType(packet)
	return kind
}
