package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.BoolVar(&o.once, "once", false, "one checked round, then stop; exit 1 when something was missed")
	flag.DurationVar(&o.patience, "patience", 3*time.Minute, "with -once: how long each step may take")
	flag.DurationVar(&o.move, "move", 10*time.Second, "with -once: how long devices may take to leave a killed node")
	flag.StringVar(&o.project, "project", "meshpresence", "name of the compose project")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "testnet/docker: %q is not an argument; see -h\n", flag.Arg(0))
		os.Exit(2)
	}
	err := run(ctx, o, os.Stdout)
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "testnet/docker:", err)
		os.Exit(1)
	}
}

type options struct {
	once           bool
	patience, move time.Duration
	project        string
}

const forever = time.Duration(1<<63 - 1)

// run is the whole command.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	c, err := findCompose(ctx, o.project)
	if err != nil {
		return err
	}
	defer c.forget()
	fmt.Fprintln(out, "building the binaries and the image")
	if err := c.build(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "starting four nodes on two networks, and three devices")
	defer func() {
		fmt.Fprintln(out, "stopping")
		err = errors.Join(err, c.down())
	}()
	if err := c.up(ctx); err != nil {
		return err
	}
	s, err := follow(ctx, c, out)
	if err != nil {
		return err
	}
	defer s.end()
	if o.once {
		return s.round(ctx, o, out)
	}
	fmt.Fprintln(out, c.advice())
	return s.until(ctx, forever, "a person stops it", func() bool { return false })
}
