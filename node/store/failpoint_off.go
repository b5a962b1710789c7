//go:build !failpoint

package store

// fail marks a durable step. Without the build tag failpoint it is nothing.
func fail(failpoint) {}
