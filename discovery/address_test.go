package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const fp = "MCCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E"

// addresses is the table of the format: what is read, and its one spelling.
// want "" is an error that contains says.
var addresses = []struct {
	text, want, says string
}{
	{text: "mpp://node.example:6770/" + fp, want: "mpp://node.example:6770/" + fp},
	{text: "mpp://node.example:1", want: "mpp://node.example:1"},
	{text: "mpp://node.example", want: "mpp://node.example:6770"},
	{text: "mpp://node.example/", want: "mpp://node.example:6770"},
	{text: "mpp://node.example/" + fp, want: "mpp://node.example:6770/" + fp},
	{text: "MPP://Node.Example.:65535", want: "mpp://node.example.:65535"},
	{text: "mpp://my_pc", want: "mpp://my_pc:6770"},
	{text: "mpp://192.0.2.1:6770/" + fp, want: "mpp://192.0.2.1:6770/" + fp},
	{text: "mpp://[2001:DB8:0::1]:6770/" + fp, want: "mpp://[2001:db8::1]:6770/" + fp},
	{text: "mpp://[2001:db8::1]", want: "mpp://[2001:db8::1]:6770"},
	{text: "mpp://[fe80::1%eth0.7]:1", want: "mpp://[fe80::1%eth0.7]:1"},
	{text: "mpp://[::ffff:192.0.2.1]:1", want: "mpp://192.0.2.1:1"},
	{text: "mpp://[::1]:06770", want: "mpp://[::1]:6770"},
	{text: "mpp://h/" + strings.ToLower(strings.ReplaceAll(fp, "-", "")), want: "mpp://h:6770/" + fp},

	{text: "", says: "does not start with mpp://"},
	{text: "node.example:6770", says: "does not start with mpp://"},
	{text: "http://node.example:6770", says: "does not start with mpp://"},
	{text: "mpp:/node.example", says: "does not start with mpp://"},
	{text: "mpp://", says: "neither a DNS name nor an IP address"},
	{text: "mpp://:6770", says: "neither a DNS name nor an IP address"},
	{text: "mpp://h:", says: "port is not 1 to 65535"},
	{text: "mpp://h:0", says: "port is not 1 to 65535"},
	{text: "mpp://h:65536", says: "port is not 1 to 65535"},
	{text: "mpp://h:+1", says: "port is not 1 to 65535"},
	{text: "mpp://h:6770x", says: "port is not 1 to 65535"},
	{text: "mpp://2001:db8::1", says: "stands in brackets"},
	{text: "mpp://[2001:db8::1", says: "missing ]"},
	{text: "mpp://[2001:db8::1]x:1", says: "between ] and the port"},
	{text: "mpp://[192.0.2.1]:1", says: "no IPv6 address"},
	{text: "mpp://[]:1", says: "no IPv6 address"},
	{text: "mpp://[h]:1", says: "no IPv6 address"},
	{text: "mpp://[fe80::1%a b]:1", says: "zone"},
	{text: "mpp://[fe80::1%25eth0]:1", want: "mpp://[fe80::1%25eth0]:1"}, // an interface may have that name
	{text: "mpp://[fe80::1%" + strings.Repeat("z", maxZone+1) + "]:1", says: "zone"},
	{text: "mpp://192.0.2:1", says: "no complete IPv4 address"},
	{text: "mpp://192.0.2.256:1", says: "no complete IPv4 address"},
	{text: "mpp://0.0.0.0:1", says: "no single node"},
	{text: "mpp://[::]:1", says: "no single node"},
	{text: "mpp://224.0.0.1:1", says: "no single node"},
	{text: "mpp://255.255.255.255:1", says: "no single node"},
	{text: "mpp://[ff02::1%eth0]:1", says: "no single node"},
	{text: "mpp://[::ffff:0.0.0.0]:1", says: "no single node"},
	{text: "mpp://-h:1", says: "neither a DNS name"},
	{text: "mpp://a..b:1", says: "neither a DNS name"},
	{text: "mpp://user@h:1", says: "neither a DNS name"},
	{text: "mpp://hôte:1", says: "neither a DNS name"},
	{text: "mpp://h h:1", says: "neither a DNS name"},
	{text: "mpp://h\n:1", says: "neither a DNS name"},
	{text: "mpp://" + strings.Repeat("a", maxLabel+1), says: "neither a DNS name"},
	{text: "mpp://" + strings.Repeat("a.", 127), says: "neither a DNS name"},
	{text: "mpp://" + strings.Repeat("a", maxAddress), says: "longer than"},
	{text: "mpp://h:1/" + fp + "/", says: "follows the fingerprint"},
	{text: "mpp://h:1/" + fp + " ", says: "follows the fingerprint"},
	{text: "mpp://h:1/" + fp[:29], says: "fingerprint is not MXXX"},
	{text: "mpp://h:1/" + fp + "-ABCD", says: "fingerprint is not MXXX"},
	{text: "mpp://h:1/K" + fp[1:], says: "fingerprint is not MXXX"},
	{text: "mpp://h:1/?x=1", says: "fingerprint is not MXXX"},
}

func TestParseAddress(t *testing.T) {
	for _, test := range addresses {
		a, err := ParseAddress(test.text)
		if test.want == "" {
			if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), Form) {
				t.Errorf("%q: error %v, want one that says %q", test.text, err, test.says)
			}
			if a != (Address{}) {
				t.Errorf("%q: %v along with an error", test.text, a)
			}
			continue
		}
		if err != nil || a.String() != test.want {
			t.Errorf("%q: %v, %v, want %s", test.text, a, err, test.want)
		}
	}
}

func TestAddressParts(t *testing.T) {
	a, err := ParseAddress("mpp://[FE80::1%eth0]:7/" + fp)
	if want := (Address{Host: "fe80::1%eth0", Port: 7, Fingerprint: fp}); err != nil || a != want {
		t.Errorf("%+v, %v", a, err)
	}
	if ip, ok := a.IP(); !ok || ip.Zone() != "eth0" {
		t.Errorf("IP is %v, %v", ip, ok)
	}
	if got := a.HostPort(); got != "[fe80::1%eth0]:7" {
		t.Errorf("HostPort is %s", got)
	}
	if _, ok := (Address{Host: "node.example"}).IP(); ok {
		t.Error("a name is an IP address")
	}
}

func TestAddressInJSON(t *testing.T) {
	var list []Address
	if err := json.Unmarshal([]byte(`["mpp://h","mpp://h:1/`+fp+`"]`), &list); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(list)
	if want := `["mpp://h:6770","mpp://h:1/` + fp + `"]`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	if err := json.Unmarshal([]byte(`["h"]`), &list); !errors.Is(err, ErrAddress) {
		t.Errorf("no address: %v", err)
	}
}

// What parses has one spelling, which parses to the same.
func FuzzParseAddress(f *testing.F) {
	for _, test := range addresses {
		f.Add(test.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			if !errors.Is(err, ErrAddress) || a != (Address{}) {
				t.Fatalf("%q: %+v with error %v", s, a, err)
			}
			return
		}
		if a.Host == "" || a.Port == 0 {
			t.Fatalf("%q parsed as %+v", s, a)
		}
		again, err := ParseAddress(a.String())
		if err != nil || again != a {
			t.Fatalf("%q is %+v, and %q is %+v, %v", s, a, a, again, err)
		}
	})
}

func ExampleParseAddress() {
	a, err := ParseAddress("mpp://node.example/mccr-ipw7-auht-i7hv-fx4a-cld3-lu7e")
	fmt.Println(a, err)
	_, err = ParseAddress("mpp://2001:db8::1")
	fmt.Println(err)
	// Output:
	// mpp://node.example:6770/MCCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E <nil>
	// not a node address, want mpp://host:port/FINGERPRINT: an IPv6 address stands in brackets, as in mpp://[2001:db8::1]:6770
}
