package udpport

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// headers is the argument of one recvmmsg. It points into its batch, which is
// why that must not be copied.
type headers struct {
	hdrs  [BatchSize]unix.Mmsghdr
	iovs  [BatchSize]unix.Iovec
	addrs [BatchSize]unix.RawSockaddrInet6 // of either family
}

// reader is the reading half of a port. The call is a field so that passing it
// to RawConn.Read makes no closure.
type reader struct {
	call  func(fd uintptr) bool
	batch *Batch
	n     int
	errno syscall.Errno
	zones zones
}

// fill reads as many datagrams as there are, waiting for the first, and adds
// those that are not too long to b.
func (p *Port) fill(b *Batch) error {
	r, h := &p.in, &b.headers
	b.N = 0
	b.prepare()
	r.batch = b
	err := p.raw.Read(r.call)
	r.batch = nil
	switch {
	case err != nil:
		return err
	case r.errno != 0:
		return os.NewSyscallError("recvmmsg", r.errno)
	}
	for i := range r.n {
		m := &h.hdrs[i]
		if m.Hdr.Flags&unix.MSG_TRUNC != 0 || m.Len > MaxPacket {
			p.oversize.Add(1)
			continue
		}
		b.add(i, int(m.Len), addrPort(&h.addrs[i], &r.zones))
	}
	return nil
}

// prepare points every header at its buffer and its address.
func (b *Batch) prepare() {
	h := &b.headers
	for i := range h.hdrs {
		h.iovs[i].Base = &b.buffers[i][0]
		h.iovs[i].SetLen(bufferSize)
		m := &h.hdrs[i].Hdr
		m.Name = (*byte)(unsafe.Pointer(&h.addrs[i]))
		m.Namelen = unix.SizeofSockaddrInet6
		m.Iov = &h.iovs[i]
		m.SetIovlen(1)
	}
}

// receive is one recvmmsg; false asks to be called again when there is more.
func (r *reader) receive(fd uintptr) (done bool) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd,
			uintptr(unsafe.Pointer(&r.batch.headers.hdrs[0])), BatchSize, 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		r.n, r.errno = int(n), errno
		return errno != unix.EAGAIN
	}
}
