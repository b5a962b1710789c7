package handshake

import "meshpresence/transport/rud/wire"

// listRoom is what the list of extensions takes that every first packet has:
// StreamClient.
var listRoom = len(wire.AppendExtensions(nil, []wire.Extension{{Tag: wire.TagStreamClient, Value: []byte(wire.Protocol)}}))

// MaxFirstPayload returns how long the payload of an Exchange of size bytes may
// be, with no extension but StreamClient and with or without a ticket.
func MaxFirstPayload(s wire.Suite, size int) int {
	const count = 3 // of a payload of 256 bytes or more
	return wire.SizeExchangeSection(s, size, false) - wire.SizeID - listRoom - count
}
