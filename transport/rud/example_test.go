package rud_test

import (
	"fmt"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// echo answers every message; caller prints the answer.
type echo struct{}

func (echo) Opened(time.Time, *rud.Conn)             {}
func (echo) Closed(time.Time, *rud.Conn, rud.Reason) {}
func (echo) Moved(time.Time, *rud.Conn)              {}
func (echo) Message(now time.Time, c *rud.Conn, m rud.Message) {
	if len(m.Payload) > 0 {
		_, _ = c.Send(now, append([]byte("you said "), m.Payload...))
	}
}

type caller struct{}

func (caller) Moved(time.Time, *rud.Conn) {}

func (caller) Opened(now time.Time, c *rud.Conn)               { _, _ = c.Send(now, []byte("hello")) }
func (caller) Closed(_ time.Time, _ *rud.Conn, r rud.Reason)   { fmt.Println("closed:", r) }
func (caller) Message(_ time.Time, _ *rud.Conn, m rud.Message) { fmt.Printf("%s\n", m.Payload) }

// Two Endpoints, and two queues for a network.
func Example() {
	now := time.Now()
	nodeAt := netip.MustParseAddrPort("192.0.2.1:6770")
	deviceAt := netip.MustParseAddrPort("198.51.100.2:40000")
	nodeKey, _ := key.NewStatic(key.X25519)
	deviceKey, _ := key.NewStatic(key.X25519)

	var toNode, toDevice [][]byte
	node, _ := rud.NewEndpoint(rud.Config{Static: nodeKey, Listen: true, Handler: echo{},
		Send: func(_ netip.AddrPort, p []byte) { toDevice = append(toDevice, append([]byte(nil), p...)) }})
	device, _ := rud.NewEndpoint(rud.Config{Static: deviceKey, Handler: caller{},
		Send: func(_ netip.AddrPort, p []byte) { toNode = append(toNode, append([]byte(nil), p...)) }})

	conn, _ := device.Dial(now, rud.Target{To: nodeAt, Pin: handshake.Pin{Key: nodeKey.Public()}})
	for len(toNode)+len(toDevice) > 0 {
		if len(toNode) > 0 {
			node.Receive(now, deviceAt, toNode[0])
			toNode = toNode[1:]
		} else {
			device.Receive(now, nodeAt, toDevice[0])
			toDevice = toDevice[1:]
		}
	}
	conn.Close(now)
	// Output:
	// you said hello
	// closed: closed here
}
