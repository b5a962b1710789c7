// Command bench measures the node beside its peers, in one run on one machine:
//
//	go run ./testnet/bench              every measurement, about two minutes
//	go run ./testnet/bench -quick       under 30 seconds, for CI
//	go run ./testnet/bench -json        JSON rows in place of the table
//	go run ./testnet/bench -only heart  the measurements whose name begins so
//
// The servers are processes of their own on one core, the load is this process
// on another. The node is a real one ([meshpresence/node]), with federation
// running and its disk under a temporary directory. Its peers are
//
//	raw echo   recvmmsg and sendmmsg through [meshpresence/transport/udpport], with
//	           the node's lengths in and out: what the kernel takes at least
//	coturn     STUN binding requests, set up as its manual advises for speed
//	quic-go    handshakes with client certificates over X25519
//
// What is not installed is a row that says SKIP and why. Nothing here passes or
// fails: the numbers are for people, and for comparing two runs.
//
// # How it measures
//
// Each device of the load sends from an address of its own, 127.x.y.1, through
// one socket of this process (IP_PKTINFO, so Linux): as devices in the world do,
// and no two answers of a server can leave as one packet. The address buckets of
// a node stay at their defaults, since every device has a /24 of its own: this is
// what "the bench raises the bucket" comes to.
//
// Rounds alternate (ours, peer, ours, peer) and the row holds the medians. Rates
// are per second of the server's core: operations divided by the time that the
// kernel says the server ran. On an idle machine with a full load that is the
// rate of the wall clock; on a busy one it is the server's cost, with caches that
// others have emptied. The rate by the wall clock and how busy the server was stand
// beside it. On a busy machine -realtime keeps the others off.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	quick, json   bool
	only          string
	realtime      bool   // before everything else on the machine
	profile       string // a directory for the servers' CPU profiles
	serve, state  string // of a server process
	rounds        int
	span          time.Duration // of a round
	devices, idle int
}

func main() {
	o, err := parseFlags(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	if o.serve != "" {
		if err := serve(o); err != nil {
			complain(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o, os.Stdout)
	stop()
	if errors.Is(err, context.Canceled) {
		complain(errors.New("interrupted"))
	}
	if err != nil {
		complain(err)
	}
}

func complain(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func parseFlags(args []string, out io.Writer) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(out)
	f.BoolVar(&o.quick, "quick", false, "short rounds and few of them: under 30 seconds")
	f.BoolVar(&o.json, "json", false, "print the rows as JSON, an object a line")
	f.StringVar(&o.only, "only", "", "only the measurements whose `name` begins so: "+strings.Join(names(), ", "))
	f.StringVar(&o.profile, "profile", "", "write the servers' CPU profiles to this `directory`, for go tool pprof")
	f.BoolVar(&o.realtime, "realtime", false, "run servers and load before everything else on their cores (SCHED_FIFO, as root), for a machine that is busy")
	f.StringVar(&o.serve, "serve", "", "what the command runs itself with: be the server of that `role`")
	f.StringVar(&o.state, "state", "", "with -serve: its `directory`")
	f.Usage = func() {
		fmt.Fprintln(out, "usage: go run ./testnet/bench [-quick] [-json] [-only NAME] [-realtime] [-profile DIR]")
		f.PrintDefaults()
		fmt.Fprint(out, `
examples:
  go run ./testnet/bench                      the whole table
  go run ./testnet/bench -quick -json         rows for a machine to compare
  go run ./testnet/bench -only heartbeats     one measurement
  go run ./testnet/bench -only handshakes -profile /tmp/profiles
  go tool pprof -top /tmp/profiles/node.pprof
`)
	}
	if err = f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		fmt.Fprintf(out, "bench: %q is not an argument; see -h\n", f.Arg(0))
		return o, errors.New("usage")
	}
	if o.only != "" && len(chosen(o.only)) == 0 {
		fmt.Fprintf(out, "bench: -only %s: choose one of %s\n", o.only, strings.Join(names(), ", "))
		return o, errors.New("usage")
	}
	o.rounds, o.span, o.devices, o.idle = 7, 1500*time.Millisecond, 256, 10_000
	if o.quick {
		o.rounds, o.span, o.idle = 3, 300*time.Millisecond, 2_000
	}
	return o, nil
}

// names are the measurements, in the order in which they are made.
func names() []string {
	return []string{"heartbeats", "reflections", "handshakes", "latency", "rubbish", "idle"}
}

// chosen are the names that begin with only.
func chosen(only string) (list []string) {
	for _, n := range names() {
		if strings.HasPrefix(n, only) {
			list = append(list, n)
		}
	}
	return list
}

// run measures what was asked for and prints it.
func run(ctx context.Context, o options, out io.Writer) error {
	show := newTable(out)
	if o.json {
		enc := json.NewEncoder(out)
		show = report{row: func(r row) { _ = enc.Encode(r) }, say: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	}
	return measure(ctx, o, show)
}
