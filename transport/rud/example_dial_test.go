package rud_test

import (
	"fmt"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// answers prints what it hears.
type answers struct{ silent }

func (answers) Opened(_ time.Time, c *rud.Conn) { fmt.Println("opened:", c.Mode()) }
func (answers) Message(_ time.Time, _ *rud.Conn, m rud.Message) {
	if len(m.Payload) > 0 {
		fmt.Printf("early %v: %s\n", m.Early, m.Payload)
	}
}

// silent is a Handler that does nothing.
type silent struct{}

func (silent) Opened(time.Time, *rud.Conn)               {}
func (silent) Message(time.Time, *rud.Conn, rud.Message) {}
func (silent) Closed(time.Time, *rud.Conn, rud.Reason)   {}
func (silent) Moved(time.Time, *rud.Conn)                {}

// A device that has been here before has its connection, and the answer to its
// first question, after one round trip.
func ExampleEndpoint_Dial() {
	now := time.Now()
	nodeAt := netip.MustParseAddrPort("192.0.2.1:6770")
	deviceAt := netip.MustParseAddrPort("198.51.100.2:40000")
	nodeKey, _ := key.NewStatic(key.X25519)
	deviceKey, _ := key.NewStatic(key.X25519)

	var toNode, toDevice [][]byte
	node, _ := rud.NewEndpoint(rud.Config{
		Static: nodeKey, Listen: true, Handler: silent{},
		Wall: func() time.Time { return now },
		Send: func(_ netip.AddrPort, p []byte) { toDevice = append(toDevice, append([]byte(nil), p...)) },
		Early: func(_ time.Time, from netip.AddrPort, _ key.Agreement, ask []byte, _ int) []byte {
			if string(ask) != "where am I" {
				return nil // not one of the three verbs
			}
			return fmt.Append(nil, "you are at ", from)
		},
	})
	device, _ := rud.NewEndpoint(rud.Config{
		Static: deviceKey, Handler: answers{},
		Wall: func() time.Time { return now },
		Send: func(_ netip.AddrPort, p []byte) { toNode = append(toNode, append([]byte(nil), p...)) },
	})
	node.Advance(now) // it starts, and for two minutes would ask with a Challenge first
	now = now.Add(3 * time.Minute)

	_, _ = device.Dial(now, rud.Target{
		To:    nodeAt,
		Pin:   handshake.Pin{Key: nodeKey.Public()},
		Early: []byte("where am I"),
	})
	node.Receive(now, deviceAt, toNode[0])   // Exchange
	device.Receive(now, nodeAt, toDevice[0]) // ResponderComplete
	// Output:
	// opened: immediate
	// early true: you are at 198.51.100.2:40000
}
