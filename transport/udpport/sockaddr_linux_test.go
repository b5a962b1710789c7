package udpport

import (
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's struct mmsghdr and its parts, in bytes.
func TestLayout(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	if got, want := unsafe.Sizeof(unix.Mmsghdr{}), 8*word; got != want {
		t.Errorf("Mmsghdr has %d bytes, want %d", got, want)
	}
	if got, want := unsafe.Offsetof(unix.Mmsghdr{}.Len), 7*word; got != want {
		t.Errorf("Len stands at %d, want %d", got, want)
	}
	if got, want := unsafe.Sizeof(unix.Iovec{}), 2*word; got != want {
		t.Errorf("Iovec has %d bytes, want %d", got, want)
	}
	if got, want := unsafe.Sizeof(segmentSize{}), uintptr(unix.CmsgSpace(2)); got < want {
		t.Errorf("segmentSize has %d bytes, want %d", got, want)
	}
	if got, want := unsafe.Offsetof(segmentSize{}.size), uintptr(unix.CmsgLen(0)); got != want {
		t.Errorf("the segment size stands at %d, want %d", got, want)
	}
}

func TestSockaddr(t *testing.T) {
	var z zones
	lo := z.name(1)
	for _, test := range []struct {
		to     string
		inet6  bool
		family uint16
		length uint32
		back   string // "" = to
	}{
		{"192.0.2.1:6770", false, unix.AF_INET, 16, ""},
		{"192.0.2.1:6770", true, unix.AF_INET6, 28, ""},
		{"[::ffff:192.0.2.1]:6770", false, unix.AF_INET, 16, "192.0.2.1:6770"},
		{"[::ffff:192.0.2.1]:6770", true, unix.AF_INET6, 28, "192.0.2.1:6770"},
		{"[2001:db8::1]:1", true, unix.AF_INET6, 28, ""},
		{"[2001:db8::1]:1", false, unix.AF_INET6, 28, ""},
		{"[fe80::1%" + lo + "]:65535", true, unix.AF_INET6, 28, ""},
		{"[fe80::1%1]:65535", true, unix.AF_INET6, 28, "[fe80::1%" + lo + "]:65535"},
	} {
		var sa unix.RawSockaddrInet6
		sa.Scope_id = 77 // of an earlier packet
		length := putAddrPort(&sa, netip.MustParseAddrPort(test.to), test.inet6, &z)
		if sa.Family != test.family || length != test.length {
			t.Errorf("%s: family %d, %d bytes", test.to, sa.Family, length)
		}
		if test.back == "" {
			test.back = test.to
		}
		if got := addrPort(&sa, &z).String(); got != test.back {
			t.Errorf("%s came back as %s, want %s", test.to, got, test.back)
		}
	}
	if got := addrPort(&unix.RawSockaddrInet6{Family: unix.AF_UNIX}, &z); got.IsValid() {
		t.Errorf("an address of another family is %v", got)
	}
}

// Link-local peers are as cheap as others once their interface is known.
func TestZonesDoNotAllocate(t *testing.T) {
	var z zones
	var sa unix.RawSockaddrInet6
	to := netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(z.name(1)), 6770)
	z.index(to.Addr().Zone())
	var got netip.AddrPort
	allocs := testing.AllocsPerRun(100, func() {
		putAddrPort(&sa, to, true, &z)
		got = addrPort(&sa, &z)
	})
	if allocs != 0 || got != to {
		t.Errorf("%v allocations, %v", allocs, got)
	}
}
