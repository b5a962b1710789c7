package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func newTestNAT(b Behaviour) *NAT {
	return NewNAT(b, rand.New(rand.NewPCG(1, 2)), netip.MustParseAddr("203.0.113.1"))
}

// Endpoints of RFC 4787's figures: X inside; Y1 with two ports, and Y2, outside.
var (
	x    = at("10.0.0.2:5000")
	y1p1 = at("198.51.100.1:1000")
	y1p2 = at("198.51.100.1:2000")
	y2p1 = at("198.51.100.2:1000")
)

// The table, written out. A row is a mapping and a filtering behaviour; X sent to
// Y1:P1 and got X1':x1'. "same" is whether the next destinations get the same outer
// endpoint, and "in" who may send to X1':x1'.
//
// RFC 4787 section 4.1: "Endpoint-Independent Mapping: The NAT reuses the port
// mapping for subsequent packets sent from the same internal IP address and port
// (X:x) to any external IP address and port." "Address-Dependent Mapping: ... to
// the same external IP address, regardless of the external port." "Address and
// Port-Dependent Mapping: ... to the same external IP address and port while the
// mapping is still active." Section 5 for filters in the same words.
var natTable = []struct {
	mapping, filtering       Dependence
	sameY1P2, sameY2P1       bool
	inY1P1, inY1P2, inY2P1   bool
	afterY1P2, afterBothY2P1 bool // the same once X sent to Y1:P2, and to Y2:P1: may Y1:P2, Y2:P1 send to X1':x1'
}{
	{Independent, Independent, true, true, true, true, true, true, true},
	{Independent, OnAddress, true, true, true, true, false, true, true},
	{Independent, OnAddressPort, true, true, true, false, false, true, true},
	{OnAddress, Independent, true, false, true, true, true, true, true},
	{OnAddress, OnAddress, true, false, true, true, false, true, false},
	{OnAddress, OnAddressPort, true, false, true, false, false, true, false},
	{OnAddressPort, Independent, false, false, true, true, true, true, true},
	{OnAddressPort, OnAddress, false, false, true, true, false, true, false},
	{OnAddressPort, OnAddressPort, false, false, true, false, false, false, false},
}

func TestNATTable(t *testing.T) {
	if len(natTable) != dependences*dependences {
		t.Fatalf("%d cells", len(natTable))
	}
	for _, row := range natTable {
		t.Run(fmt.Sprintf("mapping %v, filtering %v", row.mapping, row.filtering), func(t *testing.T) {
			n := newTestNAT(Behaviour{Mapping: row.mapping, Filtering: row.filtering})
			x1, _ := n.Out(0, x, y1p1)
			admits := func(what string, from netip.AddrPort, want bool) {
				t.Helper()
				inner, ok := n.In(0, from, x1)
				if ok != want || ok && inner != x {
					t.Errorf("%s: %v to %v gave %v, %v", what, from, x1, inner, ok)
				}
			}
			admits("first", y1p1, row.inY1P1)
			admits("first", y1p2, row.inY1P2)
			admits("first", y2p1, row.inY2P1)
			if got, _ := n.Out(0, x, y1p2); (got == x1) != row.sameY1P2 {
				t.Errorf("to Y1:P2 from %v, to Y1:P1 from %v", got, x1)
			}
			admits("then", y1p2, row.afterY1P2)
			if got, _ := n.Out(0, x, y2p1); (got == x1) != row.sameY2P1 {
				t.Errorf("to Y2:P1 from %v, to Y1:P1 from %v", got, x1)
			}
			admits("then", y2p1, row.afterBothY2P1)
			if got, _ := n.Out(0, x, y1p1); got != x1 {
				t.Errorf("to Y1:P1 from %v, then from %v", x1, got)
			}
		})
	}
}

// RFC 4787 section 4.3: "the NAT Mapping Refresh Direction": outbound always,
// inbound where it says so; and a mapping that ran out is gone both ways.
func TestNATTimeout(t *testing.T) {
	for _, row := range natTable {
		for _, in := range []bool{false, true} {
			n := newTestNAT(Behaviour{Mapping: row.mapping, Filtering: row.filtering, Timeout: 3 * time.Second, RefreshIn: in})
			first, _ := n.Out(0, x, y1p1)
			if got, _ := n.Out(2*time.Second, x, y1p1); got != first {
				t.Errorf("%v, %v: another endpoint in time", row.mapping, row.filtering)
			}
			if _, ok := n.In(4*time.Second, y1p1, first); !ok {
				t.Errorf("%v, %v: what left at 2 s did not keep the mapping", row.mapping, row.filtering)
			}
			if _, ok := n.In(6*time.Second, y1p1, first); ok != in {
				t.Errorf("%v, %v: what came in at 4 s kept the mapping: %v, want %v", row.mapping, row.filtering, ok, in)
			}
			if got, _ := n.Out(10*time.Second, x, y1p1); got == first {
				t.Errorf("%v, %v: the same endpoint after the timeout", row.mapping, row.filtering)
			}
			if _, ok := n.In(10*time.Second, y1p1, first); ok {
				t.Errorf("%v, %v: the old endpoint lives", row.mapping, row.filtering)
			}
			if n.Len(10*time.Second) != 1 {
				t.Errorf("%v, %v: %d mappings", row.mapping, row.filtering, n.Len(10*time.Second))
			}
		}
	}
}

func TestNATPorts(t *testing.T) {
	n := newTestNAT(Behaviour{Preserve: true})
	first, _ := n.Out(0, x, y1p1)
	if first.Port() != x.Port() {
		t.Errorf("port %d is not preserved: %d", x.Port(), first.Port())
	}
	// "port overloading" is what a NAT must not do (REQ-3).
	second, _ := n.Out(0, at("10.0.0.3:5000"), y1p1)
	if second == first {
		t.Error("two inner hosts have one outer endpoint")
	}
	drawn := newTestNAT(Behaviour{Mapping: OnAddressPort, Draw: true})
	a, _ := drawn.Out(0, x, y1p1)
	b, _ := drawn.Out(0, x, y1p2)
	if b.Port() == a.Port()+1 {
		t.Error("drawn ports follow each other")
	}
	n.Forget()
	if _, ok := n.In(0, y1p1, first); ok || n.Len(0) != 0 {
		t.Error("a mapping outlived Forget")
	}
	fixed := newTestNAT(Kind("1:1"))
	if got, ok := fixed.Out(0, x, y1p1); !ok || got != at("203.0.113.1:5000") {
		t.Errorf("1:1 gave %v", got)
	}
	if got, ok := fixed.In(0, y2p1, at("203.0.113.1:7")); !ok || got != at("10.0.0.2:7") {
		t.Errorf("1:1 let %v in: %v", got, ok)
	}
	if _, ok := fixed.Out(0, at("10.0.0.3:5000"), y1p1); ok {
		t.Error("1:1 served a second inner address")
	}
	wall := newTestNAT(Behaviour{Identity: true, Mapping: OnAddressPort, Filtering: OnAddressPort})
	if got, ok := wall.Out(0, x, y1p1); !ok || got != x {
		t.Errorf("a firewall translated to %v", got)
	}
	if _, ok := wall.In(0, y2p1, x); ok {
		t.Error("a firewall let a stranger in")
	}
	if got, ok := wall.In(0, y1p1, x); !ok || got != x {
		t.Error("a firewall kept an answer out")
	}
}
