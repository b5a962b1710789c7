package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is how many parts of a second /proc counts processor time in: USER_HZ,
// which is 100 on every architecture that Go knows.
const ticks = 100

// Process is a program that runs in a Machine. It is safe for concurrent use.
type Process struct {
	Out, Err Text
	cmd      *exec.Cmd
	done     chan struct{}
	err      error // after done
}

// Start starts a program in the machine, which Close ends; env adds to the
// environment.
func (m *Machine) Start(env []string, name string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.Out, &p.Err
	// It dies with the machine's thread, however that ends.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.Do(p.cmd.Start); err != nil {
		return nil, fmt.Errorf("starting %s in %s: %w", name, m.Name, err)
	}
	m.mu.Lock()
	m.processes = append(m.processes, p)
	m.mu.Unlock()
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Wait waits for the program's end and returns its exit code.
func (p *Process) Wait(ctx context.Context) (code int, err error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		return -1, fmt.Errorf("waiting for %s: %w", p, ctx.Err())
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, p.err
}

// Signal sends it a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends it at once.
func (p *Process) Kill() {
	p.cmd.Process.Kill() // fails when it has ended
	<-p.done
}

// String is its command line.
func (p *Process) String() string { return strings.Join(p.cmd.Args, " ") }

// CPU is the processor time that it used so far, by the kernel's count.
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything.
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // fields 14 and 15 of proc(5)
	if len(fields) <= system {
		return 0, fmt.Errorf("reading processor time: %q", b)
	}
	var sum time.Duration
	for _, f := range fields[user : system+1] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading processor time: %w", err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// RSS is how much memory it has resident, in KiB.
func (p *Process) RSS() (kib int, err error) {
	b, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), " kB"))
		}
	}
	return 0, errors.New("reading memory: no VmRSS")
}

func (p *Process) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}
