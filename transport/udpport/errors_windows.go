package udpport

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/windows"
)

var errNoIPv6 error = windows.WSAEAFNOSUPPORT

// nameBusy makes Winsock's "address in use" the error that callers know.
func nameBusy(err error) error {
	if errors.Is(err, windows.WSAEADDRINUSE) {
		return fmt.Errorf("%w (%w)", syscall.EADDRINUSE, err)
	}
	return err
}

// isTooLong says that a datagram did not fit the buffer.
func isTooLong(err error) bool { return errors.Is(err, windows.WSAEMSGSIZE) }
