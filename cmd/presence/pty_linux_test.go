package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// window is a terminal with one command in it.
type window struct {
	t       *testing.T
	pty     *os.File
	cmd     *exec.Cmd
	screen  *safeBuffer
	drained chan struct{} // closed when all of the screen was read
}

// ctrlC is what the key sends; the terminal makes a signal of it.
const ctrlC = "\x03"

// windowLimit bounds a command that hangs; nothing waits for it otherwise.
const windowLimit = 5 * time.Minute

// openWindow runs a command line as a shell would, in a terminal of its own.
func openWindow(t *testing.T, line string, env []string) *window {
	t.Helper()
	pty, tty, err := openPTY()
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer tty.Close()
	w := &window{t: t, pty: pty, screen: &safeBuffer{wrote: make(chan struct{}, 1)}, drained: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), windowLimit)
	t.Cleanup(cancel)
	w.cmd = exec.CommandContext(ctx, "/bin/sh", "-c", "exec "+line)
	w.cmd.Env = env
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = tty, tty, tty
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		io.Copy(w.screen, pty) // ends with EIO when the command is gone
		close(w.drained)
	}()
	t.Cleanup(func() {
		w.cmd.Process.Kill()
		w.cmd.Wait()
		pty.Close()
	})
	return w
}

// sees waits until text stands on the screen.
func (w *window) sees(text string) {
	w.t.Helper()
	for !strings.Contains(w.screen.String(), text) {
		select {
		case <-w.screen.wrote:
		case <-w.drained:
			if !strings.Contains(w.screen.String(), text) {
				w.t.Fatalf("%v ended without %q:\n%s", w.cmd, text, w.screen)
			}
		}
	}
}

// shows waits until the screen has what matches, and returns the first group.
func (w *window) shows(what *regexp.Regexp) string {
	w.t.Helper()
	for {
		if m := what.FindStringSubmatch(w.screen.String()); m != nil {
			return m[1]
		}
		select {
		case <-w.screen.wrote:
		case <-w.drained:
			if !what.MatchString(w.screen.String()) {
				w.t.Fatalf("%v ended without %v:\n%s", w.cmd, what, w.screen)
			}
		}
	}
}

// secret answers a prompt with what must not show.
func (w *window) secret(prompt, answer string) {
	w.t.Helper()
	w.sees(prompt)
	w.mute()
	w.types(answer + "\r")
}

// types sends keys.
func (w *window) types(keys string) {
	w.t.Helper()
	if _, err := io.WriteString(w.pty, keys); err != nil {
		w.t.Fatal(err)
	}
}

// mute waits until what is typed does not show: a program prompts first and
// turns the echo off then.
func (w *window) mute() {
	w.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		var mode syscall.Termios
		if err := ioctl(w.pty, syscall.TCGETS, &mode); err != nil {
			w.t.Fatal(err)
		}
		if mode.Lflag&syscall.ECHO == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-w.drained:
			w.t.Fatalf("%v ended and never asked in secret:\n%s", w.cmd, w.screen)
		}
	}
}

// ends waits for the command and one of these exit codes, and returns the screen.
func (w *window) ends(codes ...int) string {
	w.t.Helper()
	err := w.cmd.Wait()
	<-w.drained
	if !slices.Contains(codes, w.cmd.ProcessState.ExitCode()) {
		w.t.Errorf("%v: %v, want exit %d:\n%s", w.cmd, err, codes, w.screen)
	}
	return w.screen.String()
}

// openPTY opens a new pseudo terminal: the side of the person, and the side of
// the program.
func openPTY() (pty, tty *os.File, err error) {
	if pty, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	var number, unlock int32
	err = errors.Join(ioctl(pty, syscall.TIOCGPTN, &number), ioctl(pty, syscall.TIOCSPTLCK, &unlock))
	size := [4]uint16{60, 100} // rows and columns
	if err == nil {
		err = ioctl(pty, syscall.TIOCSWINSZ, &size)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		pty.Close()
		return nil, nil, err
	}
	return pty, tty, nil
}

func ioctl[T any](f *os.File, request uintptr, value *T) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(value)))
	})
	if err == nil && failed != 0 {
		err = failed
	}
	return err
}
