// Command testnet runs a small presence network in one process and shows it at
// work: three nodes that federate over real sockets, devices that reach them
// over encrypted UDP, and every delivery with its latency.
//
//	go run ./testnet                 watch it until Ctrl-C
//	go run ./testnet -once           one round, checked; exit 0 when all arrived
//	go run ./testnet -once -json     the same, a JSON object a line
//	go run ./testnet -once -fail cut show that the check can fail: exit 1
//
// It is made of the public parts only, [meshpresence/node] and
// [meshpresence/node/client], with a realm key, state directories and profiles
// that it makes under a temporary directory and removes. Nodes reach each other
// through loopback relays of the testnet's own, so that they can be cut apart.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// onceLimit is the longest that one round may take.
const onceLimit = 2 * time.Minute

// options are the command's flags.
type options struct {
	once, json, verbose bool
	fail                string
}

func main() {
	o, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, o, os.Stdout)
	stop()
	os.Exit(code)
}

func parseFlags(args []string) (o options, err error) {
	f := flag.NewFlagSet("testnet", flag.ContinueOnError)
	f.BoolVar(&o.once, "once", false, "run one round, check every delivery, and exit")
	f.BoolVar(&o.json, "json", false, "print JSON, an object a line")
	f.BoolVar(&o.verbose, "v", false, "log what the nodes and devices say, to standard error")
	f.StringVar(&o.fail, "fail", "", "make the check fail: cut (node B stays cut off), lose or repeat (one device's record misses one, or holds one twice)")
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "usage: go run ./testnet [-once] [-json] [-v] [-fail cut|lose|repeat]")
		f.PrintDefaults()
		fmt.Fprintln(f.Output(), "\nexamples:\n  go run ./testnet              three nodes and their devices, live, until Ctrl-C\n  go run ./testnet -once        one checked round; exit 0 when every delivery arrived")
	}
	if err = f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		fmt.Fprintf(f.Output(), "testnet: %q is not an argument; see -h\n", f.Arg(0))
		return o, errors.New("usage")
	}
	switch o.fail {
	case "", failCut, failLose, failRepeat:
		return o, nil
	}
	fmt.Fprintf(f.Output(), "testnet: -fail %s: choose cut, lose or repeat\n", o.fail)
	return o, errors.New("usage")
}

// run builds the network, runs it and takes it down; it returns the exit code.
// The live view is drawn on the terminal, whatever stdout is.
func run(ctx context.Context, o options, stdout io.Writer) int {
	log := slog.New(slog.DiscardHandler)
	if o.verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if o.once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, onceLimit)
		defer cancel()
	}
	dir, err := os.MkdirTemp("", "testnet-")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(dir)
	out := newReport(stdout, o.json)
	out.say("starting three nodes and four devices in %s", dir)
	net, err := build(ctx, dir, log)
	defer net.close()
	if err != nil {
		return complain(err)
	}
	net.describe(out)
	if o.once {
		return once(ctx, net, o.fail, out)
	}
	return live(ctx, net, o.json)
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "testnet:", err)
	return 1
}
