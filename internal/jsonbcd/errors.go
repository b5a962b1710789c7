package jsonbcd

import (
	"errors"
	"fmt"
)

// What can be wrong with an input. Every error of a Reader wraps one of them and says what was being read and at
// which byte; none echoes the input.
var (
	// ErrSyntax: not well formed, or not the kind of value that was asked for.
	ErrSyntax = errors.New("malformed")
	// ErrLimit: beyond one of the limits, or a number that does not fit the type asked for.
	ErrLimit = errors.New("over the limit")
	// ErrDuplicate: a member name appears twice in an object of a Reader with Unique set.
	ErrDuplicate = errors.New("duplicate member")
)

// fail wraps a sentinel with what was being read at the present position.
func (r *Reader) fail(sentinel error, doing string) error {
	return fmt.Errorf("%s at byte %d: %w", doing, r.pos, sentinel)
}

func (r *Reader) syntax(doing string) error { return r.fail(ErrSyntax, doing) }
