package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

const proto = "bench"

// quicConfig is quic-go without what a measurement does not use. The packet size
// is the first one, so that no path discovery runs beside the handshakes.
func quicConfig() *quic.Config {
	return &quic.Config{MaxIdleTimeout: 5 * time.Minute, DisablePathMTUDiscovery: true}
}

// quicTLS is a certificate of this side's own on P-256, whose signatures are the
// cheapest that Go has, X25519 alone, and no resumption. The server wants a
// certificate of the client's, as a node wants a device's key, and neither
// follows a chain.
func quicTLS() (*tls.Config, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: k}},
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // as with a pinned key: the chain is not what is measured
		SessionTicketsDisabled: true,
		NextProtos:             []string{proto},
	}, nil
}

// quicSocket is a UDP socket of the size that quic-go's wiki (UDP Buffer Sizes)
// asks for.
func quicSocket() (*net.UDPConn, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(7 << 20)
	_ = c.SetWriteBuffer(7 << 20)
	return c, nil
}

func openQUIC() (server, error) {
	conf, err := quicTLS()
	if err != nil {
		return server{}, err
	}
	c, err := quicSocket()
	if err != nil {
		return server{}, err
	}
	l, err := (&quic.Transport{Conn: c}).Listen(conf, quicConfig())
	if err != nil {
		return server{}, err
	}
	var done atomic.Int64
	go func() {
		for {
			if _, err := l.Accept(context.Background()); err != nil {
				return
			}
			done.Add(1)
		}
	}()
	return server{
		hello: hello{Addr: netip.MustParseAddrPort(c.LocalAddr().String())},
		done:  func() int { return int(done.Load()) },
		close: c.Close,
	}, nil
}

// quicLoad dials from this process.
type quicLoad struct {
	socket    *net.UDPConn
	transport *quic.Transport
	conf      *tls.Config
	server    net.Addr
}

func newQUICLoad(server netip.AddrPort) (*quicLoad, error) {
	conf, err := quicTLS()
	if err != nil {
		return nil, err
	}
	c, err := quicSocket()
	if err != nil {
		return nil, err
	}
	return &quicLoad{c, &quic.Transport{Conn: c}, conf, net.UDPAddrFromAddrPort(server)}, nil
}

// dial is one handshake.
func (q *quicLoad) dial(ctx context.Context) (*quic.Conn, error) {
	return q.transport.Dial(ctx, q.server, q.conf, quicConfig())
}

// handshakes keeps so many under way for a while; each connection closes as soon
// as it is there.
func (q *quicLoad) handshakes(ctx context.Context, span time.Duration, width int) error {
	ctx, cancel := context.WithTimeout(ctx, span+5*time.Second)
	defer cancel()
	until := time.Now().Add(span)
	errs := make(chan error, width)
	for range width {
		go func() {
			for time.Now().Before(until) {
				c, err := q.dial(ctx)
				if err != nil {
					errs <- err
					return
				}
				_ = c.CloseWithError(0, "")
			}
			errs <- nil
		}()
	}
	var first error
	for range width {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

func (q *quicLoad) close() {
	_ = q.transport.Close()
	q.socket.Close()
}
