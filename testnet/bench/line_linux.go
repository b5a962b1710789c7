package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batch  = 64   // packets a system call
	packet = 1500 // bytes of the longest
)

// info is the control message that says which of our addresses a packet leaves
// from or came to.
type info struct {
	hdr unix.Cmsghdr
	unix.Inet4Pktinfo
	_ [4]byte
}

// side is the memory of one direction.
type side struct {
	hdrs    [batch]unix.Mmsghdr
	iovs    [batch]unix.Iovec
	infos   [batch]info
	names   [batch]unix.RawSockaddrInet4
	buffers [batch][packet]byte
}

// line is one UDP socket of the load that speaks for many devices, each from an
// address of its own. One goroutine owns it.
type line struct {
	fd        int
	port      uint16
	server    netip.AddrPort
	out, in   side
	n         int    // packets that wait in out
	sent, got int    // packets
	longest   [2]int // bytes of the longest out and in
}

// deviceAddr is where device i speaks from: each has a /24 of 127.0.0.0/8, above
// those that a host uses.
func deviceAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(16 + i>>8), byte(i), 1})
}

// deviceOf is the reverse.
func deviceOf(a [4]byte) int { return int(a[1]-16)<<8 | int(a[2]) }

func newLine(server netip.AddrPort) (*line, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	w := &line{fd: fd, server: server}
	for _, force := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE, unix.SO_RCVBUF, unix.SO_SNDBUF} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, 8<<20) // as much as is allowed
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("setting up the load's socket: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	w.port = uint16(name.(*unix.SockaddrInet4).Port)
	w.patience(time.Millisecond)
	w.prepare()
	return w, nil
}

// prepare points all headers at their memory, once.
func (w *line) prepare() {
	to := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: w.server.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&to.Port))[:], w.server.Port())
	for _, s := range []*side{&w.out, &w.in} {
		for i := range batch {
			s.names[i] = to
			s.iovs[i].Base = &s.buffers[i][0]
			s.iovs[i].SetLen(packet)
			h := &s.hdrs[i].Hdr
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&s.names[i])), unix.SizeofSockaddrInet4
			h.Iov, h.Iovlen = &s.iovs[i], 1
			h.Control = (*byte)(unsafe.Pointer(&s.infos[i]))
			h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
			c := &s.infos[i].hdr
			c.Level, c.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
			c.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		}
	}
}

// patience is how long read waits for the first packet.
func (w *line) patience(d time.Duration) {
	tv := unix.NsecToTimeval(d.Nanoseconds())
	_ = unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
}

// send copies one packet of a device for the next flush.
func (w *line) send(device int, b []byte) {
	w.out.iovs[w.n].SetLen(copy(w.out.buffers[w.n][:], b))
	w.longest[0] = max(w.longest[0], len(b))
	w.out.infos[w.n].Spec_dst = deviceAddr(device).As4()
	if w.n++; w.n == batch {
		w.flush()
	}
}

// flush gives what waits to the kernel; what it refuses is lost.
func (w *line) flush() {
	for done := 0; done < w.n; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(w.fd),
			uintptr(unsafe.Pointer(&w.out.hdrs[done])), uintptr(w.n-done), 0, 0, 0)
		if errno != 0 {
			n = 1
		}
		done += int(n)
	}
	w.sent += w.n
	w.n = 0
}

// read waits for packets as long as patience says and returns how many came.
func (w *line) read() int {
	for i := range w.in.hdrs {
		w.in.hdrs[i].Hdr.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(w.fd),
		uintptr(unsafe.Pointer(&w.in.hdrs[0])), batch, unix.MSG_WAITFORONE, 0, 0)
	if errno != 0 {
		return 0
	}
	w.got += int(n)
	return int(n)
}

// message is the i-th packet of the last read, and the device that it is for.
func (w *line) message(i int) (device int, b []byte) {
	b = w.in.buffers[i][:w.in.hdrs[i].Len]
	w.longest[1] = max(w.longest[1], len(b))
	return deviceOf(w.in.infos[i].Addr), b
}

func (w *line) close() { unix.Close(w.fd) }
