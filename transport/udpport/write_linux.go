package udpport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxRun is the longest run of packets that is given to the kernel as one, in
// bytes: it must fit one UDP length with its headers. BatchSize is the kernel's
// own bound on its segments (UDP_MAX_SEGMENTS).
const maxRun = 65000

// writer is the sending half of a port, the argument of one sendmmsg: a header
// for each run of packets that are sent as segments of one (UDP_SEGMENT), or
// for each packet. It points into itself and into the pending batch.
type writer struct {
	call     func(fd uintptr) bool
	n        int // what sendmmsg returned
	errno    syscall.Errno
	inet6    bool // the family of the socket
	segments bool // the kernel cuts runs into packets
	zones    zones

	runs    int            // headers in use
	packets [BatchSize]int // of each run
	hdrs    [BatchSize]unix.Mmsghdr
	addrs   [BatchSize]unix.RawSockaddrInet6
	sizes   [BatchSize]segmentSize
	iovs    [BatchSize]unix.Iovec // of each packet
}

// segmentSize is the control message that tells the kernel where to cut.
type segmentSize struct {
	hdr  unix.Cmsghdr
	size uint16
	_    [6]byte // CMSG_SPACE on every architecture of Linux
}

// drain sends the pending packets and tells how many the kernel took.
func (p *Port) drain() (sent int, err error) {
	q, w := &p.out, &p.out.writer
	segments := w.segments
	for done := 0; done < q.n; {
		q.encode(done, segments)
		if err := p.raw.Write(w.call); err != nil {
			return sent, err
		}
		switch {
		case w.errno == 0:
			for _, n := range w.packets[:w.n] {
				sent += n
				done += n
			}
		case w.errno == unix.EAGAIN: // the buffer is full: so it is for the rest
			return sent, w.errno
		case w.packets[0] > 1: // by the path's MTU or the device's checksums
			segments = false
			w.segments = w.segments && w.errno != unix.EIO
		default: // the error is that of the first packet
			w.zones.forget(q.to[done].Addr().Zone())
			done++
		}
	}
	return sent, nil
}

// encode writes the headers of the pending packets from the given one on.
func (q *pending) encode(from int, segments bool) {
	w := &q.writer
	for w.runs = 0; from < q.n; w.runs++ {
		n := 1
		if segments {
			n = q.run(from)
		}
		q.encodeRun(w.runs, from, n)
		from += n
	}
}

// run counts the packets from the given one on that can go as one: to the same
// address and as long as the first, but for the last, which may be shorter.
func (q *pending) run(from int) (n int) {
	size := q.length[from]
	total := size
	for n = 1; from+n < q.n && size > 0; n++ {
		next := q.length[from+n]
		total += next
		if next == 0 || next > size || total > maxRun || q.to[from+n] != q.to[from] {
			return n
		}
		if next < size {
			return n + 1
		}
	}
	return n
}

// encodeRun writes header i for n packets from the given one on.
func (q *pending) encodeRun(i, from, n int) {
	w := &q.writer
	for k := from; k < from+n; k++ {
		w.iovs[k].Base = &q.buffers[k][0]
		w.iovs[k].SetLen(q.length[k])
	}
	m := &w.hdrs[i].Hdr
	m.Name = (*byte)(unsafe.Pointer(&w.addrs[i]))
	m.Namelen = putAddrPort(&w.addrs[i], q.to[from], w.inet6, &w.zones)
	m.Iov = &w.iovs[from]
	m.SetIovlen(n)
	m.Control = nil
	m.SetControllen(0)
	if n > 1 {
		s := &w.sizes[i]
		s.hdr.Level, s.hdr.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		s.hdr.SetLen(unix.CmsgLen(2))
		s.size = uint16(q.length[from])
		m.Control = (*byte)(unsafe.Pointer(s))
		m.SetControllen(unix.CmsgSpace(2))
	}
	w.packets[i] = n
}

// transmit is one sendmmsg. It never asks to wait: a full buffer drops.
func (w *writer) transmit(fd uintptr) (done bool) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd,
			uintptr(unsafe.Pointer(&w.hdrs[0])), uintptr(w.runs), 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		w.n, w.errno = int(n), errno
		return true
	}
}
