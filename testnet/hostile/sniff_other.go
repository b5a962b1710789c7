//go:build !linux

package hostile

import "errors"

// Sniffer is Linux's AF_PACKET; there is none here.
type Sniffer struct{ Record }

// NewSniffer always fails.
func NewSniffer(string) (*Sniffer, error) {
	return nil, errors.New("sniffing: AF_PACKET is Linux's")
}

// Drops tells nothing.
func (*Sniffer) Drops() (uint32, error) { return 0, nil }

// Close does nothing.
func (*Sniffer) Close() {}
