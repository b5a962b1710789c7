package static

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"meshpresence/discovery"
)

const (
	one = "MCCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E"
	two = "MB5S-R4AJ-3FBT-7NHO-T26Z-2E6Y-WFH4"
)

var errLookup = errors.New("no such host")

// hosts is a lookup from a table.
type hosts map[string][]string

func (h hosts) lookup(_ context.Context, network, host string) ([]netip.Addr, error) {
	if network != "ip" || h[host] == nil {
		return nil, errLookup
	}
	var list []netip.Addr
	for _, s := range h[host] {
		list = append(list, netip.MustParseAddr(s))
	}
	return list, nil
}

func TestResolve(t *testing.T) {
	crowd := make([]string, 3*maxPerHost)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("192.0.2.%d", i)
	}
	table := hosts{
		"a.example":     {"192.0.2.1", "2001:db8::1"},
		"alias":         {"::ffff:192.0.2.1"},
		"crowd.example": crowd,
	}
	for _, test := range []struct {
		name      string
		addresses []string
		want      string // the fingerprint asked for
		found     []string
		err       error
	}{
		{"none", nil, "", nil, nil},
		{"literals", []string{"mpp://192.0.2.9:1/" + one, "mpp://[2001:db8::9]/" + two}, "", []string{"192.0.2.9:1", "[2001:db8::9]:6770"}, nil},
		{"a name", []string{"mpp://a.example:7"}, "", []string{"192.0.2.1:7", "[2001:db8::1]:7"}, nil},
		{"one fingerprint", []string{"mpp://192.0.2.9:1/" + one, "mpp://192.0.2.9:2/" + two}, two, []string{"192.0.2.9:2"}, nil},
		{"an address without one may be it", []string{"mpp://192.0.2.9:1", "mpp://192.0.2.9:2/" + two}, one, []string{"192.0.2.9:1"}, nil},
		{"nothing of that fingerprint", []string{"mpp://192.0.2.9:1/" + one}, two, nil, nil},
		{"twice the same", []string{"mpp://192.0.2.1:7", "mpp://alias:7"}, "", []string{"192.0.2.1:7"}, nil},
		{"an unknown name", []string{"mpp://gone.example"}, "", nil, errLookup},
		{"an unknown name among others", []string{"mpp://gone.example", "mpp://192.0.2.9:1"}, "", []string{"192.0.2.9:1"}, nil},
		{"a hostile answer", []string{"mpp://crowd.example"}, "", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var list []discovery.Address
			for _, s := range test.addresses {
				a, err := discovery.ParseAddress(s)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, a)
			}
			found, err := New(list, table.lookup).Resolve(t.Context(), test.want)
			if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if test.name == "a hostile answer" {
				if len(found) != maxPerHost {
					t.Errorf("%d candidates of one name", len(found))
				}
				return
			}
			var got []string
			for _, c := range found {
				if c.Source != Name {
					t.Errorf("%v has source %q", c.Addr, c.Source)
				}
				got = append(got, c.Addr.String())
			}
			if fmt.Sprint(got) != fmt.Sprint(test.found) {
				t.Errorf("found %v, want %v", got, test.found)
			}
		})
	}
}

func TestCandidatesCarryTheFingerprint(t *testing.T) {
	s := New([]discovery.Address{{Host: "192.0.2.9", Port: 1, Fingerprint: one}, {Host: "192.0.2.9", Port: 2}}, nil)
	found, err := s.Resolve(t.Context(), one)
	if err != nil || len(found) != 2 || found[0].Fingerprint != one || found[1].Fingerprint != "" {
		t.Errorf("%+v, %v", found, err)
	}
}

// The source keeps its own copy of the list.
func TestNewCopies(t *testing.T) {
	list := []discovery.Address{{Host: "192.0.2.9", Port: 1}}
	s := New(list, nil)
	list[0].Port = 2
	if found, _ := s.Resolve(t.Context(), ""); len(found) != 1 || found[0].Addr.Port() != 1 {
		t.Errorf("%+v", found)
	}
}
