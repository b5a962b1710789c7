//go:build !linux

package main

import (
	"context"
	"errors"
)

var errLinux = errors.New("needs Linux: the load speaks for many addresses with sendmmsg and IP_PKTINFO")

func measure(context.Context, options, report) error { return errLinux }

func serve(options) error { return errLinux }
