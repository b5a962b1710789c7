package hostile_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"meshpresence/testnet/hostile"
)

// inside says that the test binary runs in a network namespace of its own.
const inside = "HOSTILE_NAMESPACE"

// namespace runs the test once more, in a fresh network namespace whose only
// interface is a loopback of its own, and reports whether this is that run. It
// needs root, or a kernel that lets users have namespaces.
func namespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Skipf("no loopback interface in a network namespace: %v %s", err, out)
		}
		return true
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	child := exec.CommandContext(testContext(t), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), inside+"="+t.Name())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	var out strings.Builder
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	err := child.Wait()
	if err == nil && strings.Contains(out.String(), "--- SKIP: "+t.Name()) {
		t.Skip(out.String())
	}
	t.Log(out.String())
	if err != nil {
		t.Fatalf("in its own network namespace: %v", err)
	}
	return false
}

// The same of everything that passes the interface, which no relay of ours has
// touched: peers over TCP and over QUIC, devices without a tap.
func TestNamespaceCaptureSeesNoSecret(t *testing.T) {
	if !namespace(t) {
		return
	}
	sniffer, err := hostile.NewSniffer("lo")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(sniffer.Close)

	a := startNode(t, nil)
	device, _ := a.devices()
	overTCP, tcp, _ := a.peers("tcp")
	overQUIC, quic, _ := a.peers("quic-v1")
	s := play(t, a, ends{device, []string{overTCP, overQUIC}})

	now := func() capture {
		all := sniffer.Packets()
		return capture{
			device: hostile.Between(all, device),
			tcp:    hostile.Between(all, tcp),
			quic:   hostile.Between(all, quic),
		}
	}
	sniffed(t, sniffer)
	s.judge(now())
	for _, name := range hostile.Find(sniffer.Packets(), s.secrets()) {
		t.Errorf("on some other port the capture shows: %s", name)
	}
	s.open(now())
	s.inClear(device, tcp, now)
	if drops, err := sniffer.Drops(); err != nil || drops > 0 {
		t.Errorf("the kernel dropped %d packets, %v: the capture is not whole", drops, err)
	}
}

// sniffed waits until the sniffer has read all that was sent before.
func sniffed(t *testing.T, s *hostile.Sniffer) {
	t.Helper()
	mark := fmt.Appendf(nil, "mark %d", len(s.Packets()))
	discard := must(net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0"))))
	defer discard.Close()
	must(discard.WriteTo(mark, discard.LocalAddr()))
	until(t, "the sniffer read the mark", func() bool {
		return slices.ContainsFunc(s.Packets(), func(p hostile.Packet) bool { return string(p.Data) == string(mark) })
	})
}
