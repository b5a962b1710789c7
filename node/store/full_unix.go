//go:build !windows

package store

import "syscall"

// fullErrors are how the system says that there is no room: the disk, the
// user's quota.
var fullErrors = []error{syscall.ENOSPC, syscall.EDQUOT}
