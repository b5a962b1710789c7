package federation

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
)

// gater refuses connections of peers that are no nodes or are barred, once
// their key is proved and before anything of theirs is read.
type gater struct{ links *links }

func (g gater) InterceptPeerDial(peer.ID) bool               { return true }
func (g gater) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }
func (g gater) InterceptAccept(network.ConnMultiaddrs) bool  { return true }

func (g gater) InterceptSecured(_ network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	_, isNode := nodeOf(id)
	return isNode && !g.links.isBarred(id)
}

func (g gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// gatedHost is the host as gossip sees it: a stream to or from a peer waits
// until the peer is known to be a living member, and fails when it is not, so
// pubsub hears nothing of strangers and tells them nothing.
type gatedHost struct {
	host.Host
	f *Federation
}

// NewStream opens a stream to a member.
func (h gatedHost) NewStream(ctx context.Context, id peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	wait, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	if !h.f.links.await(wait, id) {
		return nil, fmt.Errorf("opening a gossip stream: the peer is no member")
	}
	return h.Host.NewStream(ctx, id, protocols...)
}

// SetStreamHandler sets a handler for streams of members.
func (h gatedHost) SetStreamHandler(id protocol.ID, handler network.StreamHandler) {
	h.Host.SetStreamHandler(id, func(s network.Stream) {
		if !h.f.awaitMember(s) {
			s.Reset()
			return
		}
		handler(s)
	})
}

// awaitMember waits until the other end of a stream is known to be a member.
func (f *Federation) awaitMember(s network.Stream) bool {
	ctx, cancel := context.WithTimeout(f.ctx, greetTimeout)
	defer cancel()
	return f.links.await(ctx, s.Conn().RemotePeer())
}

// notifiee tells the links about connections.
type notifiee struct{ f *Federation }

func (notifiee) Listen(network.Network, ma.Multiaddr)      {}
func (notifiee) ListenClose(network.Network, ma.Multiaddr) {}

func (n notifiee) Connected(_ network.Network, c network.Conn) {
	n.f.links.connected(c.RemotePeer(), c.Stat().Direction == network.DirInbound)
	n.f.wake()
}

func (n notifiee) Disconnected(_ network.Network, c network.Conn) {
	n.f.links.disconnected(c.RemotePeer())
	n.f.wake()
}
