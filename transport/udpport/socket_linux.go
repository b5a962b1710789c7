package udpport

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var errNoIPv6 error = unix.EAFNOSUPPORT

// nameBusy leaves err as it is: the kernel's own error is syscall.EADDRINUSE.
func nameBusy(err error) error { return err }

// growBuffers asks for large buffers, first past the system's limit, as root
// may.
func growBuffers(conn *net.UDPConn, raw syscall.RawConn) {
	force := func(option int) error {
		return control(raw, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, wantBuffer)
		})
	}
	if force(unix.SO_RCVBUFFORCE) != nil {
		grow(conn.SetReadBuffer)
	}
	if force(unix.SO_SNDBUFFORCE) != nil {
		grow(conn.SetWriteBuffer)
	}
}

// setup readies the two halves for the socket.
func (p *Port) setup() error {
	p.in.call = p.in.receive
	w := &p.out.writer
	w.call = w.transmit
	return control(p.raw, func(fd int) error {
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		w.inet6 = domain == unix.AF_INET6
		_, unknown := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		w.segments = unknown == nil // since Linux 4.18
		return os.NewSyscallError("getsockopt", err)
	})
}

// control runs f on the socket.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var err error
	if e := raw.Control(func(fd uintptr) { err = f(int(fd)) }); e != nil {
		return e
	}
	return err
}
