package udpport

import (
	"net"
	"strconv"
)

// maxZones bounds a zone cache; more interfaces than that empty it, so that
// addresses typed or told with made-up zones cannot make it grow.
const maxZones = 64

// zones remembers the names of interfaces by index and back, so that a packet
// from a link-local address costs no system call and no allocation. It has one
// owner: the port's two directions have one each.
type zones struct {
	names   map[uint32]string
	indices map[string]uint32
}

// name is the zone of interface index: its name, else its number in decimal.
func (z *zones) name(index uint32) string {
	if name, ok := z.names[index]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(index), 10)
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		name = i.Name
	}
	if z.names == nil || len(z.names) == maxZones {
		z.names = make(map[uint32]string)
	}
	z.names[index] = name
	return name
}

// index is the interface that zone names; 0 when there is none.
func (z *zones) index(zone string) uint32 {
	if index, ok := z.indices[zone]; ok {
		return index
	}
	index := lookupIndex(zone)
	if index == 0 {
		return 0
	}
	if z.indices == nil || len(z.indices) == maxZones {
		z.indices = make(map[string]uint32)
	}
	z.indices[zone] = index
	return index
}

// forget drops what was known of zone: an interface of that name may have come
// back under another index.
func (z *zones) forget(zone string) { delete(z.indices, zone) }

func lookupIndex(zone string) uint32 {
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	n, err := strconv.ParseUint(zone, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
