package lab_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshpresence/testnet/lab"
)

// N2: "reorder 25%, dup 10%, corrupt 5%, jitter 100 ms: 0 duplicates or corrupt
// up; <= 1.3x bytes of the clean run".
func TestMessy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	laptop, phone := s.device("laptop"), s.device("phone")
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches()
	const posts = 20
	round := func(name string) int {
		s.wire.Keep(func(p *lab.Seen) bool { return p.UDP() && p.To.Addr() == phone.addr })
		for n := range posts {
			laptop.posts(fmt.Sprintf("%s %d.", name, n))
		}
		for n := range posts {
			s.says(watch, fmt.Sprintf("%s %d.", name, n))
		}
		sum := 0
		for _, p := range s.wire.Seen() {
			sum += p.Size
		}
		return sum
	}
	clean := round("clean")
	messy := lab.Fault{Reorder: 0.25, Double: 0.1, Corrupt: 0.05, Delay: 10 * time.Millisecond, Jitter: 100 * time.Millisecond}
	phone.wire.Faults(messy, messy)
	mess := round("messy")
	t.Logf("%d posts: %d bytes to the phone over a clean wire, %d over a messy one: %.2fx", posts, clean, mess, float64(mess)/float64(clean))
	if float64(mess) > 1.3*float64(clean) {
		t.Errorf("the messy wire took %d bytes, the clean one %d", mess, clean)
	}
	said := watch.Out.String()
	for n := range posts {
		for _, name := range []string{"clean", "messy"} {
			if got := strings.Count(said, fmt.Sprintf(`"text":"%s %d."`, name, n)); got != 1 {
				t.Errorf("%s %d was shown %d times", name, n, got)
			}
		}
	}
	if lines := strings.Count(said, "\n"); lines != 2*posts {
		t.Errorf("%d lines were shown, want %d", lines, 2*posts)
	}
}

// N7: an outage: "connection survives; 1 status after return, not a backlog
// (latest wins)". One more is allowed, that was on its way when the wire broke.
func TestOutage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	laptop, phone := s.device("laptop"), s.device("phone")
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches()
	laptop.run("publish", "--label", "door", "before")
	s.says(watch, "before")

	s.wire.Keep(nil)
	phone.wire.Faults(lab.Fault{Loss: 1}, lab.Fault{Loss: 1})
	states := []string{"open", "shut", "open again", "ajar", "shut for good"}
	for _, state := range states {
		laptop.run("publish", "--label", "door", state)
	}
	tries := func(to netip.Addr) int {
		return s.wire.Count(func(p *lab.Seen) bool { return p.Out && p.To.Addr() == to })
	}
	s.eventually("the node has tried six times", func() bool { return tries(phone.addr) >= 6 })
	began := s.wire.Now()
	phone.wire.Faults(lab.Fault{}, lab.Fault{})
	s.says(watch, "shut for good")
	t.Logf("the newest state came %v after the wire was whole, the node had tried %d times", s.wire.Now()-began, tries(phone.addr))
	if shown := strings.Count(watch.Out.String(), "\n"); shown > 3 {
		t.Errorf("%d states were shown, want the newest and at most one before it:\n%s", shown-1, watch.Out.String())
	}
	if n := s.begun(phone.addr); n > 0 {
		t.Errorf("the connection did not survive: %d packets of handshakes", n)
	}
}
