package store

import "syscall"

// fullErrors are how the system says that there is no room:
// ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL, ERROR_DISK_QUOTA_EXCEEDED.
var fullErrors = []error{syscall.Errno(39), syscall.Errno(112), syscall.Errno(1295)}
