package admin

import (
	"net"
	"syscall"
)

// maxPath is what sockaddr_un holds, without the zero at its end.
const maxPath = 107

// private makes the socket 0600 before it has a name: nobody can be quicker.
func private(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); e != nil {
		return e
	}
	return err
}

// mayAsk reports whether the kernel names the owner, or root, as the other side.
func mayAsk(conn net.Conn, owner int) bool {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return false
	}
	allowed := false
	err = raw.Control(func(fd uintptr) {
		peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		allowed = err == nil && (peer.Uid == 0 || int(peer.Uid) == owner)
	})
	return err == nil && allowed
}
