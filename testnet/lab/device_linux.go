package lab

import (
	"context"
	"path/filepath"
	"time"
)

// Device is the real presence tool with one profile, in a Machine.
type Device struct {
	*Machine
	binary, home string
	node         string
}

// NewDevice has a profile in a directory, and knows a node.
func NewDevice(m *Machine, binaries, home, node string) *Device {
	return &Device{Machine: m, binary: filepath.Join(binaries, "presence"), home: home, node: node}
}

// Result is what came of a command.
type Result struct {
	Code     int
	Out, Err string
	Took     time.Duration
}

// Begin starts a command, as watch, that goes on.
func (d *Device) Begin(args ...string) (*Process, error) {
	env := []string{"HOME=" + d.home, "XDG_CONFIG_HOME=", "PRESENCE_PROFILE=default", "PRESENCE_NODE=" + d.node}
	return d.Start(env, d.binary, args...)
}

// Run runs a command to its end, which ctx hastens.
func (d *Device) Run(ctx context.Context, args ...string) (Result, error) {
	began := time.Now()
	p, err := d.Begin(args...)
	if err != nil {
		return Result{}, err
	}
	code, err := p.Wait(ctx)
	if err != nil {
		p.Kill()
	}
	return Result{Code: code, Out: p.Out.String(), Err: p.Err.String(), Took: time.Since(began)}, err
}
