package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// stunArgs set coturn up for binding requests alone: no TURN, TLS, TCP, command
// line, log lines or attributes of the old STUN, and one thread that does
// everything (its manual: -m 0), since it has one core.
func stunArgs(port int, dir string) []string {
	return []string{
		"-n", "--stun-only", "-m", "0",
		"--listening-ip=127.0.0.1", fmt.Sprintf("--listening-port=%d", port),
		"--no-tls", "--no-dtls", "--no-tcp", "--no-cli", "--no-rfc5780",
		"--no-stun-backward-compatibility", "--response-origin-only-with-rfc5780",
		"--simple-log", "--log-file=/dev/null", "--no-stdout-log",
		"--pidfile=" + filepath.Join(dir, "pid"), "--userdb=" + filepath.Join(dir, "db"),
	}
}

// spawnSTUN starts coturn and waits until it answers.
func spawnSTUN(ctx context.Context, c cores, dir string) (*child, error) {
	path, err := lookSTUN()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, roleSTUN)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, stunArgs(port, dir)...)
	cmd.Dir = dir
	if err := c.start(cmd); err != nil {
		return nil, err
	}
	s := &child{cmd: cmd}
	s.hello.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	w, err := newLine(s.hello.Addr)
	if err != nil {
		s.end()
		return nil, err
	}
	defer w.close()
	p := bindings(w, 1)
	if err := w.drive(ctx, p, 10*time.Second, func() bool { return p.answers > 0 }); err != nil || p.answers == 0 {
		s.end()
		return nil, fmt.Errorf("turnserver does not answer binding requests (%v)", err)
	}
	return s, nil
}

// freePort is a UDP port that was free a moment ago.
func freePort() (int, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// bindings is a load of STUN binding requests (RFC 8489): 20 bytes, the last 12
// of them the transaction's.
func bindings(w *line, devices int) *plain {
	request := make([]byte, 20)
	binary.BigEndian.PutUint16(request, 0x0001)
	binary.BigEndian.PutUint32(request[4:], 0x2112A442)
	copy(request[8:], "bench   ")
	return &plain{w: w, devices: devices, request: request, number: 16}
}

func (l *lab) stunLoad(ctx context.Context) (*plain, *child, error) {
	s, err := l.server(ctx, roleSTUN)
	if err != nil {
		return nil, nil, err
	}
	w, err := newLine(s.hello.Addr)
	if err != nil {
		return nil, nil, err
	}
	return bindings(w, l.o.devices), s, nil
}
