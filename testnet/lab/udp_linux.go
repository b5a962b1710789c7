package lab

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// UDP is what the kernel of a machine counted of its sockets, over IPv4 and IPv6.
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
		// Without IPv6 there is no such file, and nothing to count.
		six, _ := os.ReadFile("/proc/thread-self/net/snmp6")
		u, err = parseSNMP(b)
		u.addSNMP6(six)
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
			u.add(names[i], f[i])
		}
		return u, nil
	}
	return u, fmt.Errorf("reading UDP counts: there are none")
}

// addSNMP6 reads lines of a name and a number.
func (u *UDP) addSNMP6(b []byte) {
	for line := range bytes.Lines(b) {
		if name, ok := strings.CutPrefix(string(line), "Udp6"); ok {
			if f := strings.Fields(name); len(f) == 2 {
				u.add(f[0], f[1])
			}
		}
	}
}

func (u *UDP) add(name, text string) {
	n, _ := strconv.ParseUint(text, 10, 64) // what is no number is none of these
	switch name {
	case "InDatagrams":
		u.Read += n
	case "RcvbufErrors", "NoPorts", "InCsumErrors":
		u.Refused += n
	}
}
