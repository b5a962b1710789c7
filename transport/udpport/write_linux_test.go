package udpport

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Runs of one destination's packets go as segments of one, and arrive as they
// were sent.
func TestRuns(t *testing.T) {
	a, b, c := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	if !a.out.writer.segments {
		t.Skip("this kernel has no UDP_SEGMENT")
	}
	for _, test := range []struct {
		name    string
		lengths []int // negative: to another port
		runs    []int
	}{
		{"one", []int{100}, []int{1}},
		{"equal", []int{1200, 1200, 1200}, []int{3}},
		{"the last is shorter", []int{1200, 1200, 7}, []int{3}},
		{"a shorter one ends a run", []int{1200, 7, 1200, 1200}, []int{2, 2}},
		{"a longer one begins a run", []int{7, 1200, 1200}, []int{1, 2}},
		{"empty ones go alone", []int{5, 0, 0, 5, 5}, []int{1, 1, 1, 2}},
		{"another destination", []int{50, -50, 50, 50}, []int{1, 1, 2}},
		{"too long for one", slices.Repeat([]int{1500}, 50), []int{43, 7}},
		{"as many as fit", slices.Repeat([]int{9}, BatchSize-1), []int{BatchSize - 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var toB, toC []int
			for i, n := range test.lengths {
				to, list := b, &toB
				if n < 0 {
					to, list, n = c, &toC, -n
				}
				*list = append(*list, n)
				a.Send(at(to, "127.0.0.1"), bytes.Repeat([]byte{byte(i)}, n))
			}
			before := a.Counters()
			flush(t, a)
			w := &a.out.writer
			if got := w.packets[:w.runs]; !slices.Equal(got, test.runs) {
				t.Errorf("runs of %v, want %v", got, test.runs)
			}
			if got := a.Counters(); got.Sent-before.Sent != int64(len(test.lengths)) || got.Dropped != 0 {
				t.Errorf("counted %+v", got)
			}
			for _, to := range []struct {
				p       *Port
				lengths []int
			}{{b, toB}, {c, toC}} {
				last := -1
				for i, m := range read(t, to.p, len(to.lengths)) {
					if len(m.Data) != to.lengths[i] {
						t.Fatalf("datagram %d has %d bytes, want %d", i, len(m.Data), to.lengths[i])
					}
					if len(m.Data) > 0 {
						if int(m.Data[0]) <= last || bytes.Count(m.Data, m.Data[:1]) != len(m.Data) {
							t.Fatalf("datagram %d holds another's bytes", i)
						}
						last = int(m.Data[0])
					}
				}
			}
		})
	}
}

// A scripted sendmmsg: each step takes n runs or refuses with errno.
func TestSendErrors(t *testing.T) {
	type step struct {
		n     int
		errno unix.Errno
	}
	for _, test := range []struct {
		name     string
		lengths  []int
		segments bool
		steps    []step
		runs     []int // offered at each call
		sent     int64
		after    bool // segments are still tried
	}{
		{"all at once", []int{1, 1, 1, 1, 1}, false, []step{{n: 5}}, []int{5}, 5, false},
		{"in parts", []int{1, 1, 1, 1, 1}, false, []step{{n: 2}, {n: 3}}, []int{5, 3}, 5, false},
		{"a full buffer drops the rest", []int{1, 1, 1, 1, 1}, false, []step{{n: 2}, {errno: unix.EAGAIN}}, []int{5, 3}, 2, false},
		{"a full queue drops one", []int{1, 1, 1}, false, []step{{errno: unix.ENOBUFS}, {n: 2}}, []int{3, 2}, 2, false},
		{"a refused address drops one", []int{1, 1, 1}, false, []step{{n: 1}, {errno: unix.ENETUNREACH}, {n: 1}}, []int{3, 2, 1}, 2, false},
		{"a firewall drops the last", []int{1, 1}, false, []step{{n: 1}, {errno: unix.EPERM}}, []int{2, 1}, 1, false},
		{"runs", []int{9, 9, 3, 9, 9}, true, []step{{n: 2}}, []int{2}, 5, true},
		{"runs in parts", []int{9, 9, 3, 9, 9}, true, []step{{n: 1}, {n: 1}}, []int{2, 1}, 5, true},
		{"a path too narrow for segments", []int{9, 9, 9}, true, []step{{errno: unix.EINVAL}, {n: 3}}, []int{1, 3}, 3, true},
		{"a device without checksums", []int{9, 9, 9}, true, []step{{errno: unix.EIO}, {n: 3}}, []int{1, 3}, 3, false},
		{"a run and a full buffer", []int{9, 9, 9}, true, []step{{errno: unix.EAGAIN}}, []int{1}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := listen(t, "127.0.0.1:0")
			w := &p.out.writer
			w.segments = test.segments
			var runs []int
			w.call = func(uintptr) bool {
				s := test.steps[len(runs)]
				runs = append(runs, w.runs)
				w.n, w.errno = s.n, s.errno
				return true
			}
			for _, n := range test.lengths {
				p.Send(at(p, "127.0.0.1"), make([]byte, n))
			}
			flush(t, p)
			if !slices.Equal(runs, test.runs) {
				t.Errorf("calls offered %v runs, want %v", runs, test.runs)
			}
			if c := p.Counters(); c.Sent != test.sent || c.Dropped != int64(len(test.lengths))-test.sent {
				t.Errorf("counted %+v", c)
			}
			if p.out.n != 0 || w.segments != test.after {
				t.Errorf("%d packets still wait, segments %v", p.out.n, w.segments)
			}
		})
	}
}

// A scripted recvmmsg: what ICMP leaves is passed over, what lasts is told.
func TestReceiveErrors(t *testing.T) {
	p, q := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	r := &p.in
	failures := 0
	r.call = func(fd uintptr) bool {
		if failures++; failures < maxErrors {
			r.errno = unix.ECONNREFUSED
			return true
		}
		return r.receive(fd)
	}
	q.Send(at(p, "127.0.0.1"), []byte("x"))
	flush(t, q)
	read(t, p, 1)

	r.call = func(uintptr) bool {
		r.errno = unix.EIO
		return true
	}
	if n, err := p.ReadBatch(new(Batch)); n != 0 || !errors.Is(err, unix.EIO) || errors.Is(err, net.ErrClosed) {
		t.Errorf("a broken socket: %d, %v", n, err)
	}
}

// BenchmarkSegments sends bursts of 1200-byte packets to one destination over
// loopback with and without UDP_SEGMENT. Measured ratio of packets per second
// (linux/amd64 6.18, two cores, best of 5): 2.8 for 4 packets, 3.7 for 16 (the
// longest frame), 6.7 for 48.
func BenchmarkSegments(b *testing.B) {
	for _, burst := range []int{4, 16, 48} {
		for _, segments := range []bool{false, true} {
			b.Run(fmt.Sprintf("burst=%d/segments=%v", burst, segments), func(b *testing.B) {
				to, p := listen(b, "127.0.0.1:0"), listen(b, "127.0.0.1:0")
				p.out.writer.segments = segments
				packet := make([]byte, 1200)
				b.ReportAllocs()
				for b.Loop() {
					for range burst {
						p.Send(at(to, "127.0.0.1"), packet)
					}
					p.Flush()
				}
				perSecond(b, b.N*burst)
			})
		}
	}
}
