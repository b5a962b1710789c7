package lab

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Numbers of nfnetlink's message that deletes what the kernel knows of
// connections (linux/netfilter/nfnetlink_conntrack.h).
const (
	deleteConnections = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2 // IPCTNL_MSG_CT_DELETE
	sizeNfgenmsg      = 4
)

// Forget has the NAT forget every mapping at once, as one does that is restarted.
func (n *NAT) Forget() error {
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		const size = unix.SizeofNlMsghdr + sizeNfgenmsg
		m := make([]byte, size) // an nfgenmsg of zeros: every family
		binary.NativeEndian.PutUint32(m, size)
		binary.NativeEndian.PutUint16(m[4:], deleteConnections)
		binary.NativeEndian.PutUint16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
		if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return os.NewSyscallError("sendto", err)
		}
		return acknowledged(fd)
	})
	if err != nil {
		return fmt.Errorf("having NAT %s forget: %w", n.Name, err)
	}
	return nil
}

// acknowledged reads netlink's answer, an error number that is 0 when all is well.
func acknowledged(fd int) error {
	b := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return os.NewSyscallError("recvfrom", err)
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("netlink answered %x", b[:n])
	}
	if code := int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); code != 0 {
		return os.NewSyscallError("netlink", unix.Errno(-code))
	}
	return nil
}
