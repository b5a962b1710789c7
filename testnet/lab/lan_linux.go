package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"meshpresence/testnet/hostile"
)

// maxHosts is how many hosts the network 10.77.0.0/24 has room for.
const maxHosts = 250

// LAN is a switch and what is plugged into it. Its methods may be called by one
// goroutine at a time.
type LAN struct {
	hosts []*Host
	ports []*hostile.Sniffer
	log   io.Writer
}

// NewLAN makes the switch in this network namespace. What hosts have to say goes
// to log.
func NewLAN(log io.Writer) (*LAN, error) {
	// Without snooping every port hears every multicast, as on a plain switch.
	if err := ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0"); err != nil {
		return nil, err
	}
	return &LAN{log: log}, ip("link", "set", "br0", "up")
}

// ip runs the ip command.
func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Plug starts a host and plugs it in: its port is recorded from its first packet.
// ctx ends it.
func (l *LAN) Plug(ctx context.Context) (*Host, error) {
	n := len(l.hosts) + 1
	if n > maxHosts {
		return nil, fmt.Errorf("plugging in a host: the network is full")
	}
	h, err := startHost(ctx, n, l.log)
	if err != nil {
		return nil, err
	}
	l.hosts = append(l.hosts, h)
	port, far := "p"+strconv.Itoa(n), "q"+strconv.Itoa(n)
	for _, args := range [][]string{
		{"link", "add", port, "type", "veth", "peer", "name", far},
		{"link", "set", port, "master", "br0"}, {"link", "set", port, "up"},
	} {
		if err := ip(args...); err != nil {
			return nil, err
		}
	}
	// Up, or the recording ends at once; the host's end is not, so it is whole.
	sniffer, err := hostile.NewSniffer(port)
	if err != nil {
		return nil, err
	}
	l.ports = append(l.ports, sniffer)
	if err := ip("link", "set", far, "netns", strconv.Itoa(h.cmd.Process.Pid)); err != nil {
		return nil, err
	}
	_, err = h.Do(Order{Up: far, Address: h.Addr.String() + "/24"})
	return h, err
}

// Packets is all that any host sent, port by port.
func (l *LAN) Packets() (list []hostile.Packet) {
	for _, s := range l.ports {
		list = append(list, s.Packets()...)
	}
	return list
}

// Drops is how many packets the recording has no room for: with any, what was
// not seen proves nothing.
func (l *LAN) Drops() (sum uint32, err error) {
	for _, s := range l.ports {
		n, err := s.Drops()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Close ends the hosts and the recording.
func (l *LAN) Close() {
	for _, h := range l.hosts {
		h.close()
	}
	for _, s := range l.ports {
		s.Close()
	}
}

// Host is one machine, seen from the test. It is safe for concurrent use.
type Host struct {
	Addr netip.Addr
	cmd  *exec.Cmd
	in   io.WriteCloser
	mu   sync.Mutex // guards out, and an order and its report as one
	out  *json.Decoder
}

// startHost starts this program again as a host, in a network namespace that has
// nothing but a loopback interface yet.
func startHost(ctx context.Context, n int, log io.Writer) (*Host, error) {
	h := &Host{
		Addr: netip.AddrFrom4([4]byte{10, 77, 0, byte(n)}),
		cmd:  exec.CommandContext(ctx, os.Args[0]),
	}
	h.cmd.Env = append(os.Environ(), asHost+"=1")
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	h.cmd.Stderr = log
	var err error
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting a host: %w", err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting a host: %w", err)
	}
	h.out = json.NewDecoder(out)
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a host: %w", err)
	}
	return h, nil
}

// Do has the host do something and waits for its report.
func (h *Host) Do(o Order) (Report, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var r Report
	if err := json.NewEncoder(h.in).Encode(o); err != nil {
		return r, fmt.Errorf("telling host %v: %w", h.Addr, err)
	}
	if err := h.out.Decode(&r); err != nil {
		return r, fmt.Errorf("hearing from host %v: %w", h.Addr, err)
	}
	if r.Error != "" {
		return r, fmt.Errorf("host %v: %s", h.Addr, r.Error)
	}
	return r, nil
}

// close ends the host: its node says goodbye first.
func (h *Host) close() {
	h.in.Close()
	h.cmd.Wait()
}
