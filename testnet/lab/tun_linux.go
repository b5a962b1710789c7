package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// tunPath is the device that makes TUN interfaces.
const tunPath = "/dev/net/tun"

// openTUN makes a TUN interface in the network namespace of the calling thread:
// what its host sends is read from the file as IP packets, and what is written
// there the host receives.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", tunPath, err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = os.NewSyscallError("TUNSETIFF", unix.IoctlIfreq(fd, unix.TUNSETIFF, req))
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("making interface %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
