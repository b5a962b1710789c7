package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cores are where servers and load run.
type cores struct{ server, load int }

// pinLoad pins this process, and says what could not be had.
func pinLoad(show report) (c cores, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return c, os.NewSyscallError("sched_getaffinity", err)
	}
	var free []int
	for i := range 1024 {
		if set.IsSet(i) {
			free = append(free, i)
		}
	}
	c = cores{free[0], free[len(free)-1]}
	if len(free) == 1 {
		show.say("NOTE there is one core: the load shares it with the servers, rates by the wall clock are about half")
	}
	runtime.GOMAXPROCS(1)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return c, err
	}
	for _, t := range tasks {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			err = pin(tid, c.load)
			if err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

func pin(tid, core int) error {
	var set unix.CPUSet
	set.Set(core)
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(tid, &set))
}

// goFirst makes this process, and those it starts, run before all others on their
// cores.
func goFirst() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
		if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
			return fmt.Errorf("-realtime: %w", os.NewSyscallError("sched_setattr", err))
		}
	}
	return nil
}

// start runs cmd on the servers' core: a process inherits the affinity of the
// thread that makes it. It dies with this one.
func (c cores) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pin(0, c.server); err != nil {
		return err
	}
	return errors.Join(cmd.Start(), pin(0, c.load))
}

// child is a server process.
type child struct {
	cmd   *exec.Cmd
	hello hello
	in    io.WriteCloser
	out   *bufio.Reader
}

// hello is the first line of a server of ours.
type hello struct {
	Addr    netip.AddrPort
	Address string // of a node: mpp://
}

// answer is what a server of ours says of itself.
type answer struct {
	Heap    uint64 // live bytes, after a collection
	Done    int    // handshakes
	Rubbish []rubbishCost
}

// spawn runs this command as the server of that role.
func spawn(ctx context.Context, c cores, o options, dir, role string) (*child, error) {
	state := filepath.Join(dir, role)
	if err := os.Mkdir(state, 0o700); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-serve", role, "-state", state, "-profile", o.profile)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.start(cmd); err != nil {
		return nil, fmt.Errorf("starting the %s server: %w", role, err)
	}
	s := &child{cmd: cmd, in: in, out: bufio.NewReader(out)}
	if err := s.read(&s.hello); err != nil {
		s.end()
		return nil, fmt.Errorf("starting the %s server: %w", role, err)
	}
	return s, nil
}

func (s *child) read(v any) error {
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

// ask sends one line and reads the answer.
func (s *child) ask(what string) (a answer, err error) {
	if _, err = fmt.Fprintln(s.in, what); err == nil {
		err = s.read(&a)
	}
	return a, err
}

// end stops the server: one of ours goes when its input ends.
func (s *child) end() {
	if s.in != nil {
		s.in.Close()
	} else {
		_ = s.cmd.Process.Kill()
	}
	kill := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait()
	kill.Stop()
}

// ran is how long the process had a core, all its threads together.
func (s *child) ran() time.Duration { return ran(s.cmd.Process.Pid) }

func ran(pid int) (total time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(b), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		total += time.Duration(ns)
	}
	return total
}
