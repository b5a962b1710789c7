package lab_test

import (
	"encoding/json"
	"net/netip"
	"strings"

	"meshpresence/testnet/lab"
	"meshpresence/transport/rud/wire"
)

// account makes an account on a device.
func (d *device) account() {
	d.s.t.Helper()
	d.run("--trust-first", "account", "create", "--no-passphrase", "--name", d.Name)
}

// admits lets another device into the account, by a code as people do, and
// returns when both know.
func (d *device) admits(other *device) {
	d.s.t.Helper()
	add := d.begin("--timeout", "60s", "--json", "device", "add", "--yes")
	d.s.says(add, "\n")
	line, _, _ := strings.Cut(add.Out.String(), "\n")
	var code struct{ Text string }
	if err := json.Unmarshal([]byte(line), &code); err != nil || code.Text == "" {
		d.s.t.Fatalf("device add printed %q: %v", line, err)
	}
	other.run("--trust-first", "--timeout", "60s", "device", "join", "--name", other.Name, code.Text)
	if n, err := add.Wait(d.s.ctx); err != nil || n != 0 {
		d.s.t.Fatalf("device add: exit %d, %v\n%s%s", n, err, add.Out.String(), add.Err.String())
	}
}

// watches begins to watch, and returns when the node tells it of what is posted.
func (d *device) watches(flags ...string) *lab.Process {
	d.s.t.Helper()
	p := d.begin(append(flags, "watch", "--json")...)
	if _, err := p.Err.Await(d.s.ctx, func(text string) bool { return strings.Contains(text, "watching ") }); err != nil {
		d.s.t.Fatalf("%s does not watch: %v\n%s", d.Name, err, p.Err.String())
	}
	return p
}

// posts publishes something.
func (d *device) posts(text string) lab.Result {
	d.s.t.Helper()
	return d.run("publish", text)
}

// begun counts what came to the node from an address and belongs to a handshake:
// Hello, Exchange and Complete.
func (s *scene) begun(from netip.Addr) int {
	return s.wire.Count(func(p *lab.Seen) bool {
		if p.Out || !p.UDP() || p.From.Addr() != from || p.To.Port() != lab.DevicePort {
			return false
		}
		_, err := wire.FirstType(p.Data)
		return err == nil
	})
}

// socket is where the device sent to the node from last.
func (d *device) socket() (at netip.AddrPort) {
	for _, p := range d.wire.Seen() {
		if p.Out && p.UDP() {
			at = p.From
		}
	}
	return at
}
