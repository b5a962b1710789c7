package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// toolLimit bounds ip and nft.
const toolLimit = 20 * time.Second

// Machine is a network namespace, and the thread that lives in it. It has no name
// outside this process: when the thread ends, by Close or with the process,
// however that ends, the kernel removes the namespace, and kills the programs
// that were started in it by their death signal. It is safe for concurrent use.
type Machine struct {
	Name string
	work chan func()
	done chan struct{}

	mu        sync.Mutex
	processes []*Process
	closed    bool
}

// NewMachine makes a network namespace with nothing but a loopback interface.
func NewMachine(name string) (*Machine, error) {
	m := &Machine{Name: name, work: make(chan func()), done: make(chan struct{})}
	ready := make(chan error)
	go m.live(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("making machine %s: %w", name, err)
	}
	err := m.IP("link", "set", "lo", "up")
	if err == nil {
		// Inherited from the namespace the test runs in, and not what a host does.
		err = m.Set("net/ipv4/ip_forward", "0")
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("making machine %s: %w", name, err)
	}
	return m, nil
}

// live is the thread. It is never unlocked: no other goroutine may run in its
// namespace, and ending it is what cleans up.
func (m *Machine) live(ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// The process's first thread cannot end before the process does: while it
		// is held here another one takes over.
		other := make(chan error)
		go m.live(other)
		err := <-other
		runtime.UnlockOSThread()
		ready <- err
		return
	}
	defer close(m.done)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		ready <- os.NewSyscallError("unshare", err)
		return
	}
	ready <- nil
	for f := range m.work {
		f()
	}
}

// errClosed says that the machine is gone.
var errClosed = errors.New("the machine was closed")

// Do runs f in the machine, one call at a time: the sockets that it opens and the
// programs that it starts are the machine's.
func (m *Machine) Do(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	return m.do(f)
}

func (m *Machine) do(f func() error) error {
	result := make(chan error, 1)
	m.work <- func() { result <- f() }
	return <-result
}

// IP runs the ip command in the machine.
func (m *Machine) IP(args ...string) error { return m.tool("", "ip", args...) }

// tool runs a command in the machine, with text on its standard input.
func (m *Machine) tool(input, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), toolLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out []byte
	err := m.Do(func() (err error) {
		out, err = cmd.CombinedOutput()
		return err
	})
	if err != nil {
		return fmt.Errorf("running %s %s in %s: %w: %s", name, strings.Join(args, " "), m.Name, err, out)
	}
	return nil
}

// Set writes a kernel setting of the machine, by its name below /proc/sys.
func (m *Machine) Set(name, value string) error {
	return m.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
	})
}

// Has reports whether the machine's kernel has a setting.
func (m *Machine) Has(name string) bool {
	return m.Do(func() error {
		_, err := os.Stat(filepath.Join("/proc/sys", name))
		return err
	}) == nil
}

// Close ends what runs in the machine, then the machine.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.closed = true
	for _, p := range m.processes {
		p.Kill()
	}
	close(m.work)
	<-m.done
}
