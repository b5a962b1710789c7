package federation

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/gologshim"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"

	"meshpresence/internal/key"
)

// quiet ends libp2p's own log lines, which would go to stderr beside ours: what
// an operator can act on is logged by us.
var quiet = sync.OnceFunc(func() { gologshim.SetDefaultHandler(slog.DiscardHandler) })

// newHost makes a libp2p host that does not listen yet: QUIC, and TCP with
// Noise and yamux; no relay, no AutoNAT probes, no discovery of any kind.
func newHost(cfg *Config, announce []ma.Multiaddr, gater connmgr.ConnectionGater) (host.Host, error) {
	quiet()
	// libp2p's private key is the seed followed by the public key.
	private, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(cfg.Identity.Seed()))
	if err != nil {
		return nil, fmt.Errorf("reading the node key for libp2p: %w", err)
	}
	resources, err := newResources(cfg.MaxPeers)
	if err != nil {
		return nil, err
	}
	options := []libp2p.Option{
		libp2p.Identity(private),
		libp2p.NoListenAddrs,
		libp2p.Transport(quic.NewTransport),
		// Shared, a port that another node holds would not be an error.
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(resources),
		libp2p.ConnectionManager(connmgr.NullConnMgr{}), // the links decide who stays
		libp2p.ConnectionGater(gater),
		libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.ForceReachabilityPrivate(), // or AutoNAT asks peers to dial us
		libp2p.DisableMetrics(),
		libp2p.Ping(false),
		libp2p.WithDialTimeout(dialTimeout),
		libp2p.UserAgent("meshpresence"),
	}
	if cfg.Announce != nil {
		options = append(options, libp2p.AddrsFactory(func([]ma.Multiaddr) []ma.Multiaddr { return announce }))
	}
	h, err := libp2p.New(options...)
	if err != nil {
		return nil, fmt.Errorf("making the libp2p host: %w", err)
	}
	return h, nil
}

// listen opens every address; unlike libp2p's own start, one that cannot be
// opened is an error.
func listen(h host.Host, addresses []ma.Multiaddr) error {
	s, ok := h.Network().(*swarm.Swarm)
	if !ok {
		return fmt.Errorf("listening for nodes: the network is not a swarm")
	}
	for _, a := range addresses {
		if err := s.AddListenAddr(a); err != nil {
			return fmt.Errorf("listening for nodes on %s: %w", a, err)
		}
	}
	return nil
}

// newResources bounds what all peers together, one peer, and whoever has not
// been identified yet may hold of connections, streams and memory. Connections
// that come in cannot take the room of those that we open, so strangers that
// fill a node's door do not keep it from its realm.
func newResources(peers int) (network.ResourceManager, error) {
	in, out, each := peers+peers/2+8, peers+8, max(peers/2, 8)
	conns := func(in, out int) rcmgr.ResourceLimits {
		return rcmgr.ResourceLimits{
			Conns: rcmgr.LimitVal(in + out), ConnsInbound: rcmgr.LimitVal(in), ConnsOutbound: rcmgr.LimitVal(out),
			FD: rcmgr.LimitVal(in + out),
		}
	}
	with := func(l rcmgr.ResourceLimits, streams, memory int) rcmgr.ResourceLimits {
		l.Streams, l.StreamsInbound, l.StreamsOutbound = rcmgr.LimitVal(2*streams), rcmgr.LimitVal(streams), rcmgr.LimitVal(streams)
		l.Memory = rcmgr.LimitVal64(memory)
		return l
	}
	perPeer := func(streams int) rcmgr.ResourceLimits { return with(rcmgr.ResourceLimits{}, streams, 8<<20) }
	limits := rcmgr.PartialLimitConfig{
		System:      with(conns(in, out), 64*peers+256, (16+4*peers)<<20),
		Transient:   with(conns(each, out), 2*peers+64, 16<<20),
		PeerDefault: with(conns(4, 4), 64, 16<<20),
		ProtocolPeer: map[protocol.ID]rcmgr.ResourceLimits{
			protocolHello:   perPeer(peerHellos),
			protocolForward: perPeer(peerForwards),
			protocolSync:    perPeer(peerSyncs),
		},
	}.Build(rcmgr.DefaultLimits.AutoScale())
	m, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithConnRateLimiters(newConnRates()),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: each}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: each}}))
	if err != nil {
		return nil, fmt.Errorf("setting libp2p's limits: %w", err)
	}
	return m, nil
}

// newConnRates lets one address open 64 connections at once and one a second
// after that: a stranger's handshakes cost a curve operation each, while a
// whole realm may live behind one NAT.
func newConnRates() *rate.Limiter {
	each := rate.Limit{RPS: 1, Burst: 64}
	loopback := []rate.PrefixLimit{
		{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
	}
	return &rate.Limiter{NetworkPrefixLimits: loopback, SubnetRateLimiter: rate.SubnetLimiter{
		IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: each}},
		IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: each}},
		GracePeriod:      greetTimeout,
	}}
}

// nodeOf returns the hash that names the node of a libp2p peer: its Ed25519 key
// is in its peer id. Peers with another kind of key are no nodes.
func nodeOf(id peer.ID) (key.Hash, bool) {
	public, err := id.ExtractPublicKey()
	if err != nil || public.Type() != crypto.Ed25519 {
		return key.Hash{}, false
	}
	raw, err := public.Raw()
	if err != nil {
		return key.Hash{}, false
	}
	author, err := key.ParseAuthor(append([]byte{algorithmEd25519}, raw...))
	if err != nil {
		return key.Hash{}, false
	}
	return author.Hash(), true
}

// algorithmEd25519 begins the Author bytes of a node (facts.md, The record).
const algorithmEd25519 = 1

// peerOf returns the libp2p peer of a node.
func peerOf(node key.Author) (peer.ID, error) {
	public, err := crypto.UnmarshalEd25519PublicKey(node.Raw())
	if err != nil {
		return "", fmt.Errorf("reading a node's key: %w", err)
	}
	return peer.IDFromPublicKey(public)
}
