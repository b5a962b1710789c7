package admin

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// nobody is a user who is neither root nor the daemon's.
const nobody = 65534

// Attack: another user of the machine asks, against the mode and without it.
func TestForeignUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: only root can ask as another user")
	}
	dir := shortDir(t)
	path := filepath.Join(dir, SocketName)
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(&fake{}, NewMetrics("", time.Now()), quiet())
	defer s.Close()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := dialAs(t, path, nobody); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another user connects to a socket of mode 0600: %v", err)
	}
	// The mode was lost; the kernel still tells who asks.
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	conn, err := dialAs(t, path, nobody)
	if err != nil {
		t.Fatalf("another user connects to a socket of mode 0666: %v", err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("another user was answered: %v", err)
	}
	if err := dial(t, path).Health(testContext(t)); err != nil {
		t.Errorf("the owner afterwards: %v", err)
	}
}

// dialAs connects as another user: one thread of this process becomes that user
// for the call.
func dialAs(t *testing.T, path string, uid int) (net.Conn, error) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	own := os.Geteuid()
	runtime.LockOSThread()
	setEUID(t, uid)
	err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	setEUID(t, own)
	runtime.UnlockOSThread()
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if err != nil {
		return nil, err
	}
	return net.FileConn(f)
}

// setEUID changes the effective user of the calling thread only.
func setEUID(t *testing.T, uid int) {
	t.Helper()
	const same = ^uintptr(0)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, same, uintptr(uid), same); errno != 0 {
		t.Skipf("SKIP: becoming another user: %v", errno)
	}
}
