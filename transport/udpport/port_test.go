package udpport

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience ends a test whose packet the loopback lost; no test waits for it.
const patience = 5 * time.Second

// listen opens a port that gives up on reading after patience.
func listen(t testing.TB, addr string) *Port {
	t.Helper()
	p, err := Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	p.conn.SetReadDeadline(time.Now().Add(patience))
	return p
}

// on6 skips what needs IPv6 where the host has none.
func on6(t *testing.T) {
	t.Helper()
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skip("this host has no IPv6 loopback")
	}
	c.Close()
}

// at is p's address as seen from the same host.
func at(p *Port, ip string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), p.LocalAddr().Port())
}

// read reads n datagrams, in as many batches as they come in.
func read(t testing.TB, p *Port, n int) []Message {
	t.Helper()
	var b Batch
	var list []Message
	for len(list) < n {
		got, err := p.ReadBatch(&b)
		if err != nil {
			t.Fatalf("after %d of %d datagrams: %v", len(list), n, err)
		}
		if got == 0 || got != b.N {
			t.Fatalf("ReadBatch returned %d with N %d", got, b.N)
		}
		for _, m := range b.Messages[:b.N] {
			list = append(list, Message{Data: bytes.Clone(m.Data), Addr: m.Addr})
		}
	}
	return list
}

func flush(t testing.TB, p *Port) {
	t.Helper()
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, test := range []struct {
		name, listen, from, ip string
		six                    bool
	}{
		{name: "IPv4", listen: "127.0.0.1:0", from: "127.0.0.1:0", ip: "127.0.0.1"},
		{name: "IPv6", listen: "[::1]:0", from: "[::1]:0", ip: "::1", six: true},
		{name: "everywhere over IPv4", listen: ":0", from: "127.0.0.1:0", ip: "127.0.0.1"},
		{name: "everywhere over IPv6", listen: ":0", from: "[::1]:0", ip: "::1", six: true},
		{name: "unspecified IPv6 over IPv4", listen: "[::]:0", from: "127.0.0.1:0", ip: "127.0.0.1", six: true},
		{name: "from everywhere over IPv4", listen: "127.0.0.1:0", from: ":0", ip: "127.0.0.1"},
		{name: "unspecified IPv4", listen: "0.0.0.0:0", from: "0.0.0.0:0", ip: "127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.six {
				on6(t)
			}
			a, b := listen(t, test.from), listen(t, test.listen)
			a.Send(at(b, test.ip), []byte("there"))
			flush(t, a)
			got := read(t, b, 1)[0]
			if want := at(a, test.ip); got.Addr != want || string(got.Data) != "there" {
				t.Fatalf("got %q from %v, want from %v", got.Data, got.Addr, want)
			}
			b.Send(got.Addr, []byte("and back"))
			flush(t, b)
			if got := read(t, a, 1)[0]; got.Addr != at(b, test.ip) || string(got.Data) != "and back" {
				t.Fatalf("got %q from %v", got.Data, got.Addr)
			}
		})
	}
}

func TestBatchesKeepOrderAndLength(t *testing.T) {
	a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	const n = 2*BatchSize + 7 // Send flushes twice by itself
	for i := range n {
		a.Send(at(b, "127.0.0.1"), fmt.Appendf(nil, "%d%s", i, strings.Repeat(" ", 10*(i%5))))
	}
	if a.out.n != 7 {
		t.Errorf("%d packets wait, want 7", a.out.n)
	}
	flush(t, a)
	for i, m := range read(t, b, n) {
		if want := fmt.Sprintf("%d%s", i, strings.Repeat(" ", 10*(i%5))); string(m.Data) != want {
			t.Fatalf("datagram %d is %q", i, m.Data)
		}
		if cap(m.Data) > len(m.Data)+64 {
			t.Fatalf("datagram %d could be appended to over the batch's memory", i)
		}
	}
	if c := a.Counters(); c.Sent != n || c.Dropped != 0 {
		t.Errorf("sender counted %+v", c)
	}
	if c := b.Counters(); c.Received != n || c.Oversize != 0 {
		t.Errorf("reader counted %+v", c)
	}
}

func TestSendCopies(t *testing.T) {
	a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	packet := []byte("first")
	a.Send(at(b, "127.0.0.1"), packet)
	copy(packet, "later")
	flush(t, a)
	if got := read(t, b, 1)[0]; string(got.Data) != "first" {
		t.Errorf("got %q", got.Data)
	}
}

func TestLengthLimits(t *testing.T) {
	a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	for _, n := range []int{MaxPacket + 1, bufferSize, bufferSize + 1, 4000} {
		if _, err := a.conn.WriteToUDPAddrPort(make([]byte, n), at(b, "127.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	a.Send(at(b, "127.0.0.1"), make([]byte, MaxPacket+1))
	a.Send(netip.AddrPort{}, []byte("nowhere"))
	a.Send(at(b, "127.0.0.1"), nil)
	a.Send(at(b, "127.0.0.1"), make([]byte, MaxPacket))
	flush(t, a)
	got := read(t, b, 2)
	if len(got[0].Data) != 0 || len(got[1].Data) != MaxPacket {
		t.Errorf("got datagrams of %d and %d bytes", len(got[0].Data), len(got[1].Data))
	}
	if c := b.Counters(); c != (Counters{Received: 2, Oversize: 4}) {
		t.Errorf("reader counted %+v", c)
	}
	if c := a.Counters(); c != (Counters{Sent: 2, Dropped: 2}) {
		t.Errorf("sender counted %+v", c)
	}
}

// A packet that the kernel refuses takes none of its batch along.
func TestRefusedPacketsAreCounted(t *testing.T) {
	a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	for _, to := range []netip.AddrPort{
		netip.MustParseAddrPort("[2001:db8::1]:9"), // the socket has no IPv6
		at(b, "127.0.0.1"),
		netip.MustParseAddrPort("[fe80::1%none such]:9"),
		netip.MustParseAddrPort("192.0.2.1:9"), // from a loopback address there is no way out
		at(b, "127.0.0.1"),
	} {
		a.Send(to, []byte("x"))
	}
	flush(t, a)
	read(t, b, 2)
	if c := a.Counters(); c.Sent != 2 || c.Dropped != 3 {
		t.Errorf("sender counted %+v", c)
	}
}

// An ICMP port unreachable of an earlier packet must not end the reader.
func TestUnreachablePeerDoesNotEndTheReader(t *testing.T) {
	gone, a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	gone.Close()
	for range 3 {
		b.Send(at(gone, "127.0.0.1"), []byte("anyone?"))
		flush(t, b)
	}
	a.Send(at(b, "127.0.0.1"), []byte("still there"))
	flush(t, a)
	if got := read(t, b, 1)[0]; string(got.Data) != "still there" {
		t.Errorf("got %q", got.Data)
	}
	b.Send(at(a, "127.0.0.1"), []byte("yes"))
	flush(t, b)
	read(t, a, 1)
}

func TestCloseEndsReaderAndSender(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	ended := make(chan error)
	go func() {
		_, err := p.ReadBatch(new(Batch))
		ended <- err
	}()
	p.Send(at(p, "127.0.0.1"), []byte("x"))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadBatch ended with %v", err)
	}
	if _, err := p.ReadBatch(new(Batch)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a later ReadBatch: %v", err)
	}
	if err := p.Flush(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Flush: %v", err)
	}
	if err := p.Flush(); err != nil {
		t.Errorf("Flush of nothing: %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	_, err := Listen(p.LocalAddr().String())
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a busy port: %v", err)
	}
	if want := fmt.Sprintf("listening on UDP %q", p.LocalAddr()); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v does not say what was tried", err)
	}
	for _, addr := range []string{"", "6770", "127.0.0.1", "::1:6770", "127.0.0.1:99999", "256.0.0.1:x"} {
		if p, err := Listen(addr); err == nil {
			p.Close()
			t.Errorf("Listen(%q) succeeded", addr)
		}
	}
}

func TestFallsBackToIPv4OnlyWithoutIPv6(t *testing.T) {
	for _, test := range []struct {
		addr     string
		err      error
		networks []string
	}{
		{":1", errNoIPv6, []string{"udp", "udp4"}},
		{"[::]:1", errNoIPv6, []string{"udp", "udp4"}},
		{"[::1]:1", errNoIPv6, []string{"udp"}},
		{"host:1", errNoIPv6, []string{"udp"}},
		{"0.0.0.0:1", errNoIPv6, []string{"udp4"}},
		{":1", syscall.EADDRINUSE, []string{"udp"}},
		{"[::]:1", syscall.EACCES, []string{"udp"}},
	} {
		var tried []string
		_, err := open(test.addr, func(network, _ string) (*net.UDPConn, error) {
			tried = append(tried, network)
			return nil, test.err
		})
		if !errors.Is(err, test.err) || fmt.Sprint(tried) != fmt.Sprint(test.networks) {
			t.Errorf("%s with %v: tried %v, ended with %v", test.addr, test.err, tried, err)
		}
	}
}

func TestGrowAsksForLessUntilGranted(t *testing.T) {
	var asked []int
	grow(func(n int) error {
		asked = append(asked, n)
		if n > 1<<20 {
			return syscall.ENOBUFS
		}
		return nil
	})
	if fmt.Sprint(asked) != "[4194304 2097152 1048576]" {
		t.Errorf("asked for %v", asked)
	}
	grow(func(n int) error { // never granted: ends all the same
		return syscall.ENOBUFS
	})
}

func TestLocalAddr(t *testing.T) {
	for _, test := range []struct{ listen, ip string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"0.0.0.0:0", "0.0.0.0"},
	} {
		p := listen(t, test.listen)
		if a := p.LocalAddr(); a.Addr().String() != test.ip || a.Port() == 0 {
			t.Errorf("%s listens at %v", test.listen, a)
		}
	}
}

// A reader and a sender of one port, and a closer, under the race detector.
func TestOneReaderOneSender(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	const rounds = 50
	ended := make(chan int)
	go func() {
		var b Batch
		total := 0
		for {
			n, err := p.ReadBatch(&b)
			if total += n; err != nil || total == rounds*10 {
				ended <- total
				return
			}
		}
	}()
	for range rounds {
		for range 10 {
			p.Send(at(p, "127.0.0.1"), []byte("round and round"))
		}
		flush(t, p)
	}
	if n := <-ended; n != rounds*10 {
		t.Errorf("read %d of %d", n, rounds*10)
	}
}

func TestNoAllocations(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			if ip == "::1" {
				on6(t)
			}
			a, b := listen(t, net.JoinHostPort(ip, "0")), listen(t, ":0")
			to, batch, packet := at(b, ip), new(Batch), make([]byte, 1200)
			allocs := testing.AllocsPerRun(100, func() {
				for range 8 {
					a.Send(to, packet)
				}
				a.Flush()
				for n := 0; n < 8; {
					got, err := b.ReadBatch(batch)
					if err != nil {
						t.Fatal(err)
					}
					n += got
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations for 8 packets sent and read", allocs)
			}
		})
	}
}

func TestZones(t *testing.T) {
	loopback, err := net.InterfaceByIndex(1)
	if err != nil {
		t.Skip("this host's interfaces are not numbered from 1")
	}
	var z zones
	if got := z.name(1); got != loopback.Name {
		t.Errorf("interface 1 is %q, want %q", got, loopback.Name)
	}
	if got := z.name(1 << 30); got != "1073741824" {
		t.Errorf("an unknown interface is %q", got)
	}
	for zone, want := range map[string]uint32{loopback.Name: 1, "1073741824": 1 << 30, "none such": 0, "": 0, "-1": 0} {
		if got := z.index(zone); got != want {
			t.Errorf("zone %q is %d, want %d", zone, got, want)
		}
	}
	z.forget(loopback.Name)
	if _, ok := z.indices[loopback.Name]; ok {
		t.Error("a forgotten zone is still known")
	}
	for i := range uint32(5 * maxZones) {
		z.name(1<<20 + i)
		z.index(fmt.Sprint(1<<20 + i))
	}
	if len(z.names) > maxZones || len(z.indices) > maxZones {
		t.Errorf("the cache holds %d names and %d indices", len(z.names), len(z.indices))
	}
}
