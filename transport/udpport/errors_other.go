//go:build !linux && !windows

package udpport

import "syscall"

var errNoIPv6 error = syscall.EAFNOSUPPORT

// nameBusy leaves err as it is: the kernel's own error is syscall.EADDRINUSE.
func nameBusy(err error) error { return err }

// isTooLong is the other systems' case: they cut the datagram and say nothing.
func isTooLong(error) bool { return false }
