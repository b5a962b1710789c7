package handshake_test

import (
	"fmt"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
)

// A device that knows its node's key asks something with the first packet it sends.
func Example() {
	now := time.Now() // monotonic, and the wall clock of both
	clock := func() time.Time { return now }
	node, err := key.NewStatic(key.X25519)
	if err != nil {
		panic(err)
	}
	responder, err := handshake.NewResponder(now, handshake.ResponderConfig{
		Statics: []*key.Static{node},
		Reset:   key.NewSecret(),
		Wall:    clock,
		Answer: func(_ netip.AddrPort, _ key.Agreement, payload []byte, room int) []byte {
			return fmt.Appendf(nil, "%s here", payload)
		},
	})
	if err != nil {
		panic(err)
	}
	dial := func() {
		initiator, err := handshake.NewInitiator(now, handshake.InitiatorConfig{
			Mode:    handshake.Immediate,
			Pin:     handshake.Pin{Key: node.Public()},
			Payload: []byte("who is"),
			Wall:    clock,
		})
		if err != nil {
			panic(err)
		}
		from := netip.MustParseAddrPort("192.0.2.7:51000")
		for {
			packet := initiator.Next(now)
			answer, _, o := responder.Receive(now, from, packet, nil)
			fmt.Printf("%d bytes: %v\n", len(packet), o)
			if result, _ := initiator.Receive(now, answer); result != nil {
				fmt.Printf("%v: %q\n", result.Mode, result.Payload)
				return
			}
		}
	}
	dial()
	now = now.Add(3 * time.Minute) // before that a node may have answered it, and started again
	dial()
	// Output:
	// 1200 bytes: challenged
	// 1200 bytes: completed
	// deferred: ""
	// 1200 bytes: completed
	// immediate: "who is here"
}
