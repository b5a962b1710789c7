package hostile

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// Opener opens the recorded packets of one connection of a Device, in both
// directions. It knows what the Device knows and no more: it runs the
// initiator's handshake a second time, with the same key and the same
// randomness, against the answers that were recorded.
type Opener struct{ toNode, toDevice stream }

// stream is one direction under its receiver's id.
type stream struct {
	id     wire.ID
	header cipher.Block
	packet cipher.AEAD
}

// Opened is one data packet in clear.
type Opened struct {
	ToNode  bool
	Header  wire.Header
	Payload []byte
}

// ErrNoHandshake: the packets do not hold a whole handshake of the device.
var ErrNoHandshake = errors.New("no whole handshake of the device is recorded")

// NewOpener derives the keys of the first connection of a Device from what was
// recorded of it, stopped packets included.
func (d *Device) NewOpener(packets []Packet, expect [18]byte) (*Opener, error) {
	now := time.Now()
	machine, err := handshake.NewInitiator(now, handshake.InitiatorConfig{
		Static: d.Static, Pin: handshake.Pin{Expect: expect}, Rand: d.randomness(),
		Extensions: []wire.Extension{{Tag: wire.TagStreamClient, Value: []byte(wire.Protocol)}},
	})
	if err != nil {
		return nil, fmt.Errorf("running the handshake again: %w", err)
	}
	machine.Next(now)
	mine, _ := machine.IDs()
	for _, p := range packets {
		if id, ok := wire.First(p.Data); !ok || id != mine || p.Stopped {
			continue
		}
		result, outcome := machine.Receive(now, p.Data)
		if outcome == handshake.Completed {
			return newOpener(result)
		}
		machine.Next(now)
	}
	return nil, ErrNoHandshake
}

func newOpener(r *handshake.Result) (*Opener, error) {
	o := new(Opener)
	header, packet := r.SendKeys()
	var err error
	if o.toNode, err = newStream(r.PeerID, header, packet); err != nil {
		return nil, err
	}
	header, packet = r.ReceiveKeys()
	o.toDevice, err = newStream(r.MyID, header, packet)
	return o, err
}

func newStream(id wire.ID, header, packet key.Secret) (stream, error) {
	h, err := aes.NewCipher(header[:])
	if err != nil {
		return stream{}, err
	}
	p, err := aes.NewCipher(packet[:])
	if err != nil {
		return stream{}, err
	}
	aead, err := cipher.NewGCM(p)
	return stream{id, h, aead}, err
}

// Open opens one packet; false for one of another connection or a handshake. A
// packet under an id of this connection that does not open is an error.
func (o *Opener) Open(packet []byte) (Opened, bool, error) {
	id, _ := wire.First(packet)
	s := &o.toNode
	switch id {
	case o.toNode.id:
	case o.toDevice.id:
		s = &o.toDevice
	default:
		return Opened{}, false, nil
	}
	header, payload, err := s.open(packet)
	return Opened{s == &o.toNode, header, payload}, true, err
}

// open follows "Data packets (UDP)" of rud.md: the header is one block of
// AES-256, the nonce its packet number, and both id and clear header are
// authenticated beside the body.
func (s *stream) open(packet []byte) (wire.Header, []byte, error) {
	const clear = wire.SizeID + wire.SizeHeader
	if len(packet) < wire.MinData {
		return wire.Header{}, nil, fmt.Errorf("opening a packet of %d bytes: too short", len(packet))
	}
	var block [wire.SizeHeader]byte
	s.header.Decrypt(block[:], packet[wire.SizeID:clear])
	h, err := wire.ParseHeader(&block)
	if err != nil {
		return h, nil, fmt.Errorf("opening a packet: %w", err)
	}
	nonce := wire.Nonce(h.Number)
	plain, err := s.packet.Open(nil, nonce[:], packet[clear:], append(slices.Clone(packet[:wire.SizeID]), block[:]...))
	if err != nil {
		return h, nil, fmt.Errorf("opening packet %d: %w", h.Number, err)
	}
	body, err := wire.ParseBody(plain)
	return h, body.Payload, err
}

// OpenAll opens every packet of the connection, in the order recorded.
func (o *Opener) OpenAll(packets []Packet) (list []Opened, err error) {
	for _, p := range packets {
		one, ours, err := o.Open(p.Data)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", p, err)
		}
		if ours {
			list = append(list, one)
		}
	}
	return list, nil
}

// Split cuts what a Sniffer saw as one long datagram into the packets that a
// segmenting socket sent at once: each begins with an id of this connection.
func (o *Opener) Split(packets []Packet) (list []Packet) {
	for _, p := range packets {
		for _, data := range o.split(p.Data) {
			p.Data = data
			list = append(list, p)
		}
	}
	return list
}

func (o *Opener) split(b []byte) (list [][]byte) {
	if len(b) <= wire.MaxPacket {
		return [][]byte{b}
	}
	start := 0
	for i := wire.MinData; i+wire.SizeID <= len(b); i++ {
		if id := wire.ID(b[i : i+wire.SizeID]); id == o.toDevice.id || id == o.toNode.id {
			list = append(list, b[start:i])
			start = i
		}
	}
	return append(list, b[start:])
}

// Texts returns the frames of each direction in their order, as one text: what
// the two ends told each other.
func Texts(list []Opened) (toNode, toDevice []byte) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Opened) int {
		return cmp.Or(cmp.Compare(a.Header.Frame, b.Header.Frame), cmp.Compare(a.Header.Index, b.Header.Index))
	})
	for _, o := range list {
		if o.ToNode {
			toNode = append(toNode, o.Payload...)
		} else {
			toDevice = append(toDevice, o.Payload...)
		}
	}
	return toNode, toDevice
}
