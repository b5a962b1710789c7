package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"meshpresence/node"
)

// stopWithin is how long stopping may take: supervisors kill soon after.
const stopWithin = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one kills, and so does time.
	context.AfterFunc(ctx, stop)
	killLater(ctx, stopWithin, os.Stderr, os.Exit)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// killLater ends the process some time after ctx: nobody waits on a hang. What
// was acknowledged is on the disk already.
func killLater(ctx context.Context, within time.Duration, errs io.Writer, exit func(code int)) {
	context.AfterFunc(ctx, func() {
		time.AfterFunc(within, func() {
			fmt.Fprintf(errs, "presenced: stopping took longer than %v; left as a power cut leaves it\n", within)
			exit(exitError)
		})
	})
}

// run is the whole command: it returns the exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var o options
	over := false // help or version was printed
	parser, err := kong.New(&o,
		kong.Name("presenced"),
		kong.Description(description),
		kong.Writers(out, errs),
		kong.Exit(func(int) { over = true }),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: helpWidth, NoAppDescFormat: true}),
		kong.Vars{"version": "presenced " + node.Version(), "state": usualState()},
	)
	if err != nil {
		return report(errs, err)
	}
	_, err = parser.Parse(args)
	switch {
	case over:
		return exitOK
	case err != nil:
		return report(errs, &fault{err: err, code: exitUsage, hint: "see: presenced --help"})
	}
	return report(errs, o.serve(ctx, out, errs))
}

// serve runs a node until ctx ends.
func (o *options) serve(ctx context.Context, out, errs io.Writer) error {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	cfg.Log = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: o.LogLevel}))
	if o.Join != "" {
		if err := o.join(ctx, cfg, out, errs); err != nil || ctx.Err() != nil {
			return err
		}
	}
	fresh := !hasRealmKey(cfg)
	n, err := node.Start(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it ran
		}
		return wrapStart(err)
	}
	r, err := readyOf(ctx, n, cfg)
	r.Joined = o.Join != ""
	r.FirstStart = r.Joined || fresh && hasRealmKey(cfg)
	if err == nil {
		err = r.print(out, o.JSON)
	}
	if err != nil && ctx.Err() == nil {
		return errors.Join(err, n.Close())
	}
	<-ctx.Done()
	if err := n.Close(); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}
