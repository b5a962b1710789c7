package udpport

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// addrPort reads the address of either family that the kernel wrote to sa.
func addrPort(sa *unix.RawSockaddrInet6, z *zones) netip.AddrPort {
	switch sa.Family {
	case unix.AF_INET:
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa)) // 16 bytes of sa's 28
		return netip.AddrPortFrom(netip.AddrFrom4(sa4.Addr), ntohs(sa4.Port))
	case unix.AF_INET6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 && ip.Is6() {
			ip = ip.WithZone(z.name(sa.Scope_id))
		}
		return netip.AddrPortFrom(ip, ntohs(sa.Port))
	}
	return netip.AddrPort{}
}

// putAddrPort writes to for a socket of the given family and returns the length
// that the kernel is to read. An IPv6 address for an IPv4 socket is written as
// it is, and refused by the kernel.
func putAddrPort(sa *unix.RawSockaddrInet6, to netip.AddrPort, inet6 bool, z *zones) uint32 {
	ip := to.Addr()
	if !inet6 && ip.Unmap().Is4() {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		*sa4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: htons(to.Port()), Addr: ip.Unmap().As4()}
		return unix.SizeofSockaddrInet4
	}
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: htons(to.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		sa.Scope_id = z.index(zone)
	}
	return unix.SizeofSockaddrInet6
}

// htons puts a port in network order, as socket addresses hold it.
func htons(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

func ntohs(port uint16) uint16 { return htons(port) } // its own inverse
