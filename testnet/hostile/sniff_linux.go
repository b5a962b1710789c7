package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// sniffBuffer is the kernel's queue of a Sniffer: what passes while the test
	// has the processor must fit.
	sniffBuffer = 64 << 20
	// maxSniffed is the longest packet read: the loopback interface carries TCP
	// segments of its MTU, and bursts of datagrams as one.
	maxSniffed = 128 << 10
)

// Sniffer records everything that passes an interface, by AF_PACKET. It needs
// the right to raw sockets in the network namespace it is in.
type Sniffer struct {
	Record
	file *os.File
	wg   sync.WaitGroup
}

// NewSniffer begins to record what passes the interface.
func NewSniffer(name string) (*Sniffer, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("sniffing: %w", err)
	}
	// SOCK_DGRAM leaves out the link header: a packet begins with IP.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("sniffing: %w", os.NewSyscallError("socket", err))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, sniffBuffer); err != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, sniffBuffer) // then Drops tells
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("sniffing %s: %w", name, os.NewSyscallError("bind", err))
	}
	s := &Sniffer{file: os.NewFile(uintptr(fd), "sniffer")}
	raw, err := s.file.SyscallConn()
	if err != nil {
		s.file.Close()
		return nil, fmt.Errorf("sniffing %s: %w", name, err)
	}
	s.wg.Add(1)
	go s.read(raw)
	return s, nil
}

// read records until the socket is closed.
func (s *Sniffer) read(raw interface {
	Read(func(uintptr) bool) error
}) {
	defer s.wg.Done()
	buf := make([]byte, maxSniffed)
	for {
		var n int
		var from unix.Sockaddr
		var err error
		if raw.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), buf, 0)
			return !errors.Is(err, unix.EAGAIN)
		}) != nil || err != nil {
			return
		}
		// What is sent to this machine passes twice, out and in.
		if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if p, ok := parseIP(buf[:n]); ok {
			s.add(p)
		}
	}
}

// Drops returns how many packets the kernel had no room for: with any, what was
// not seen proves nothing.
func (s *Sniffer) Drops() (drops uint32, err error) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	raw.Control(func(fd uintptr) {
		var stats *unix.TpacketStats
		if stats, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			drops = stats.Drops
		}
	})
	return drops, err
}

// Close ends the recording.
func (s *Sniffer) Close() {
	s.file.Close()
	s.wg.Wait()
}

// Offsets in IP, TCP and UDP headers.
const (
	sizeIPv4 = 20
	sizeIPv6 = 40
	sizeUDP  = 8
	sizeTCP  = 20
)

// parseIP reads an IP packet without extension headers or fragments, as the
// loopback interface carries them.
func parseIP(b []byte) (Packet, bool) {
	if len(b) == 0 {
		return Packet{}, false
	}
	switch b[0] >> 4 {
	case 4:
		size := 4 * int(b[0]&0x0f)
		if size < sizeIPv4 || len(b) < size {
			return Packet{}, false
		}
		return parseTransport(b[9], netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), b[size:])
	case 6:
		if len(b) < sizeIPv6 {
			return Packet{}, false
		}
		return parseTransport(b[6], netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])), b[sizeIPv6:])
	}
	return Packet{}, false
}

func parseTransport(protocol byte, from, to netip.Addr, b []byte) (Packet, bool) {
	header := sizeUDP
	switch {
	case protocol == unix.IPPROTO_UDP && len(b) >= sizeUDP:
	case protocol == unix.IPPROTO_TCP && len(b) >= sizeTCP:
		header = 4 * int(b[12]>>4)
	default:
		return Packet{}, false
	}
	if len(b) < header {
		return Packet{}, false
	}
	return Packet{
		TCP:  protocol == unix.IPPROTO_TCP,
		From: netip.AddrPortFrom(from, binary.BigEndian.Uint16(b)),
		To:   netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2:])),
		Data: b[header:],
	}, true
}
