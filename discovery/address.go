package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"meshpresence/internal/udf"
)

// The node address's form.
const (
	// Scheme starts every node address.
	Scheme = "mpp://"
	// DefaultPort is the MPP port of a node, and of an address without one.
	DefaultPort = 6770
	// Form is the address's form, for error messages and help.
	Form = "mpp://host:port/FINGERPRINT"
)

// Our limits.
const (
	// maxAddress is the longest address that is read, in bytes: a longest DNS
	// name and the rest. Addresses come in peers' facts too; this stops one
	// from costing more than a line.
	maxAddress = 512
	// maxHost and maxLabel are those of DNS (RFC 1035 §2.3.4).
	maxHost  = 253
	maxLabel = 63
	// maxZone is above the 15 characters of the longest Linux interface name.
	maxZone = 64
)

// ErrAddress says that a text is not a node address.
var ErrAddress = errors.New("not a node address, want " + Form)

// Address is where a node listens for devices and, if known, who it is. It is
// comparable; ParseAddress gives each address in one form only.
type Address struct {
	Host        string // a DNS name in lower case, or an IP address without brackets
	Port        uint16 // UDP, never 0
	Fingerprint string // the UDF of its X25519 RUD key, 34 characters; "" when unknown
}

// ParseAddress reads a node address; the port and the fingerprint may be left
// out. Its errors are ErrAddress.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return a, nil
}

func parseAddress(s string) (a Address, err error) {
	if len(s) > maxAddress {
		return a, fmt.Errorf("longer than %d bytes", maxAddress)
	}
	if len(s) < len(Scheme) || !strings.EqualFold(s[:len(Scheme)], Scheme) {
		return a, errors.New("it does not start with " + Scheme)
	}
	authority, fingerprint, _ := strings.Cut(s[len(Scheme):], "/")
	if a.Fingerprint, err = parseFingerprint(fingerprint); err != nil {
		return a, err
	}
	host, port, err := splitPort(authority)
	if err != nil {
		return a, err
	}
	if a.Port, err = parsePort(port); err != nil {
		return a, err
	}
	a.Host, err = parseHost(host)
	return a, err
}

// parseFingerprint gives the one spelling of a fingerprint, "" for none.
func parseFingerprint(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if strings.ContainsAny(s, "/ ") {
		return "", errors.New("something follows the fingerprint")
	}
	e, err := udf.ParseExpect(s)
	if err != nil {
		return "", errors.New("the fingerprint is not MXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX")
	}
	return udf.Format(e[:], udf.DefaultBits), nil
}

// splitPort splits host:port, [host]:port, host or [host]; host keeps its
// brackets.
func splitPort(s string) (host, port string, err error) {
	end := strings.IndexByte(s, ']') + 1
	if strings.HasPrefix(s, "[") && end == 0 {
		return "", "", errors.New("missing ] after the IPv6 address")
	}
	if end == 0 && strings.Count(s, ":") > 1 {
		return "", "", errors.New("an IPv6 address stands in brackets, as in mpp://[2001:db8::1]:6770")
	}
	colon := strings.IndexByte(s[end:], ':')
	if colon < 0 {
		return s, strconv.Itoa(DefaultPort), nil
	}
	return s[:end+colon], s[end+colon+1:], nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' {
		return 0, errors.New("the port is not 1 to 65535")
	}
	return uint16(n), nil
}

// parseHost gives the one spelling of a host.
func parseHost(s string) (string, error) {
	inner, bracketed := s, false
	if strings.HasPrefix(s, "[") {
		inner, bracketed = strings.CutSuffix(s[1:], "]")
		if !bracketed {
			return "", errors.New("something stands between ] and the port")
		}
	}
	ip, err := netip.ParseAddr(inner)
	switch {
	case err == nil && ip.Is6() == bracketed:
		return parseIP(ip)
	case bracketed:
		return "", errors.New("in the brackets stands no IPv6 address")
	case s != "" && strings.Trim(s, "0123456789.") == "":
		return "", errors.New("the host is no complete IPv4 address")
	case !isName(s):
		return "", errors.New("the host is neither a DNS name nor an IP address")
	}
	return strings.ToLower(s), nil
}

// parseIP refuses addresses that are no node's: dialling them would reach this
// machine or many at once.
func parseIP(ip netip.Addr) (string, error) {
	ip = ip.Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return "", errors.New("no single node is reached at " + ip.WithZone("").String())
	}
	zone := ip.Zone()
	if len(zone) > maxZone || strings.ContainsFunc(zone, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("/[]%", r)
	}) {
		return "", errors.New("the zone is no interface name")
	}
	return ip.String(), nil
}

// isName says whether s could be a DNS name: labels of letters, digits, hyphens
// and (Windows and Docker make them) underscores.
func isName(s string) bool {
	if len(s) == 0 || len(s) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && r != '-' && r != '_'
}

// String is the address as ParseAddress reads it, with its port, and with its
// fingerprint if it has one.
func (a Address) String() string {
	s := Scheme + a.HostPort()
	if a.Fingerprint != "" {
		s += "/" + a.Fingerprint
	}
	return s
}

// HostPort is host:port, with an IPv6 address in brackets.
func (a Address) HostPort() string {
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// IP is the host as an IP address; false when it is a name.
func (a Address) IP() (netip.Addr, bool) {
	ip, err := netip.ParseAddr(a.Host)
	return ip.Unmap(), err == nil
}

// MarshalText is String, so that an address can stand in a configuration file.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is ParseAddress.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAddress(string(text))
	return err
}
