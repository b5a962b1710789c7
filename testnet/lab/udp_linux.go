package lab

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// UDP is what the kernel of a machine counted of its sockets, over IPv4.
type UDP struct {
	Read    uint64 // datagrams that a program took
	Refused uint64 // for a socket whose buffer was full, or that was not there
}

// UDP reads the counts.
func (m *Machine) UDP() (u UDP, err error) {
	err = m.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		u, err = parseSNMP(b)
		return err
	})
	return u, err
}

// parseSNMP reads two lines that begin with Udp: the names and the numbers.
func parseSNMP(b []byte) (u UDP, err error) {
	var names []string
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		if len(f) == 0 || f[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i := range min(len(names), len(f)) {
			n, _ := strconv.ParseUint(f[i], 10, 64) // the first is no number
			switch names[i] {
			case "InDatagrams":
				u.Read = n
			case "RcvbufErrors", "NoPorts", "InCsumErrors":
				u.Refused += n
			}
		}
		return u, nil
	}
	return u, fmt.Errorf("reading UDP counts: there are none")
}
