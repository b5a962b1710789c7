package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// wireMTU is what an Ethernet carries.
const wireMTU = 1500

// Wire is what a machine is connected to a Cloud by: a TUN interface there, and
// here the faults of either direction, and a Tap. It is safe for concurrent use.
type Wire struct {
	*Tap
	cloud    *Cloud
	machine  *Machine
	name     string
	file     *os.File
	up, down *leg
	reader   sync.WaitGroup

	pass atomic.Pointer[func(Packet, bool) bool]
}

// Connect makes an interface in a machine, with addresses whose packets the cloud
// brings to it, and the default route if the machine has none.
func (c *Cloud) Connect(m *Machine, name string, addrs ...netip.Addr) (*Wire, error) {
	w := &Wire{Tap: newTap(), cloud: c, machine: m, name: name}
	err := m.Do(func() (err error) {
		w.file, err = openTUN(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connecting %s: %w", m.Name, err)
	}
	who := m.Name + " " + name
	w.up = newLeg(c.seed, "up "+who, c.Send)
	w.down = newLeg(c.seed, "down "+who, w.deliver)
	w.reader.Add(1)
	go w.read()
	c.mu.Lock()
	c.wires = append(c.wires, w)
	c.mu.Unlock()
	if err := w.begin(addrs); err != nil {
		return nil, fmt.Errorf("connecting %s: %w", m.Name, err)
	}
	return w, nil
}

// begin sets the interface up.
func (w *Wire) begin(addrs []netip.Addr) error {
	m := w.machine
	// No address that nobody gave it, and no packets about one.
	if v6 := "net/ipv6/conf/" + w.name + "/addr_gen_mode"; m.Has(v6) {
		if err := m.Set(v6, "1"); err != nil {
			return err
		}
	}
	if err := m.IP("link", "set", w.name, "up", "mtu", strconv.Itoa(wireMTU)); err != nil {
		return err
	}
	for _, a := range addrs {
		if err := w.Add(a); err != nil {
			return err
		}
	}
	return nil
}

// Add gives the interface one more address, and its family a default route if
// there is none.
func (w *Wire) Add(a netip.Addr) error {
	p := netip.PrefixFrom(a, a.BitLen())
	if err := w.machine.IP("addr", "add", p.String(), "dev", w.name, "nodad"); err != nil {
		return err
	}
	w.Route(p)
	// Fails when there is one.
	w.machine.IP(family(a), "route", "add", "default", "dev", w.name)
	return nil
}

// Remove takes an address from the interface, the last one of its family with the
// way out, and from the network.
func (w *Wire) Remove(a netip.Addr) error {
	p := netip.PrefixFrom(a, a.BitLen())
	w.cloud.unroute(w, func(q netip.Prefix) bool { return p == q })
	if a.Is6() {
		// With IPv4 the kernel does that itself.
		w.machine.IP("-6", "route", "del", "default", "dev", w.name)
	}
	return w.machine.IP("addr", "del", p.String(), "dev", w.name)
}

// Default makes the interface the way out for a family of addresses.
func (w *Wire) Default(like netip.Addr) error {
	return w.machine.IP(family(like), "route", "replace", "default", "dev", w.name)
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "-4"
	}
	return "-6"
}

// Route has the cloud bring what goes to a prefix to this wire.
func (w *Wire) Route(p netip.Prefix) {
	w.cloud.route(route{prefix: p, to: w.down.send, wire: w})
}

// Faults changes what the wire does to what its host sends, and to what it
// receives.
func (w *Wire) Faults(up, down Fault) {
	w.up.set(up)
	w.down.set(down)
}

// Losses is how many packets the wire lost so far, either way.
func (w *Wire) Losses() uint64 { return w.up.losses() + w.down.losses() }

// Pass decides from now on which packets pass, besides the faults; nil lets all.
// out is for those that the host sent, which the Tap saw all the same. It runs in
// the wire's goroutines.
func (w *Wire) Pass(decide func(p Packet, out bool) bool) {
	if decide == nil {
		w.pass.Store(nil)
		return
	}
	w.pass.Store(&decide)
}

func (w *Wire) passes(packet []byte, out bool) bool {
	decide := w.pass.Load()
	if decide == nil {
		return true
	}
	p, ok := ParsePacket(packet)
	return ok && (*decide)(p, out)
}

// deliver gives the host a packet.
func (w *Wire) deliver(packet []byte) {
	if w.passes(packet, false) {
		w.see(packet, false)
		w.file.Write(packet) // an interface that is down takes none
	}
}

// read takes what the host sends until the file is closed.
func (w *Wire) read() {
	defer w.reader.Done()
	buf := make([]byte, 1<<16)
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		w.see(buf[:n], true)
		if w.passes(buf[:n], true) {
			w.up.send(buf[:n])
		}
	}
}

// close takes the interface away.
func (w *Wire) close() {
	w.cloud.unroute(w, func(netip.Prefix) bool { return true })
	w.file.Close()
	w.reader.Wait()
	w.up.close()
	w.down.close()
}

// Close takes the interface away from its machine, and its addresses from the
// cloud.
func (w *Wire) Close() {
	w.cloud.mu.Lock()
	for i, other := range w.cloud.wires {
		if other == w {
			w.cloud.wires = append(w.cloud.wires[:i:i], w.cloud.wires[i+1:]...)
			break
		}
	}
	w.cloud.mu.Unlock()
	w.close()
}
