package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
)

// DevicePort is where a Daemon listens for devices.
const DevicePort = 6770

// Daemon is the real presenced, in a Machine.
type Daemon struct {
	*Process
	Machine     *Machine
	Fingerprint string
	State       string
}

// StartDaemon runs a node whose state is in a directory, and waits until it is
// ready. Nobody finds it by mDNS, and anybody may make an account there.
func StartDaemon(ctx context.Context, m *Machine, binaries, state string, flags ...string) (*Daemon, error) {
	args := append([]string{"--state", state, "--no-mdns", "--accounts", "open", "--json"}, flags...)
	p, err := m.Start([]string{"HOME=" + state}, filepath.Join(binaries, "presenced"), args...)
	if err != nil {
		return nil, err
	}
	d := &Daemon{Process: p, Machine: m, State: state}
	line, err := p.Out.Await(ctx, func(text string) bool { return strings.Contains(text, "\n") })
	if err != nil {
		return nil, fmt.Errorf("starting presenced: %w: %s", err, p.Err.String())
	}
	var ready struct {
		Addresses []string `json:"device_addresses"`
	}
	if err := json.Unmarshal([]byte(line), &ready); err != nil || len(ready.Addresses) == 0 {
		return nil, fmt.Errorf("starting presenced: it printed %q: %v", line, err)
	}
	d.Fingerprint = ready.Addresses[0][strings.LastIndexByte(ready.Addresses[0], '/')+1:]
	return d, nil
}

// At is what a device is told of the daemon: where it is, and its key.
func (d *Daemon) At(a netip.Addr) string {
	return fmt.Sprintf("mpp://%v/%s", netip.AddrPortFrom(a, DevicePort), d.Fingerprint)
}

// Stop has it end as a supervisor would.
func (d *Daemon) Stop(ctx context.Context) error {
	if err := d.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping presenced: %w", err)
	}
	if code, err := d.Wait(ctx); err != nil || code != 0 {
		return fmt.Errorf("stopping presenced: exit %d, %v: %s", code, err, d.Err.String())
	}
	return nil
}
