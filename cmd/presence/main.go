package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"meshpresence/discovery"
	"meshpresence/discovery/mdns"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one kills: nobody waits on a hang.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, person: personAt(os.Stdin, os.Stderr),
		find: new(mdns.Resolver),
	}))
}

// console is where a command reads and writes; a test gives it buffers.
type console struct {
	in       io.Reader
	out, err io.Writer
	person   person             // nil when nobody is there to be asked
	now      func() time.Time   // the wall clock; nil is the system's
	find     discovery.Resolver // where a node is looked for when none is known; nil: nowhere
}

// app is what a verb works with.
type app struct {
	console
	options
	ctx context.Context // ends at Ctrl-C
}

// run is the whole command: it returns the exit code.
func run(ctx context.Context, args []string, c console) int {
	var grammar commands
	over := false // help or version was printed
	parser, err := kong.New(&grammar,
		kong.Name("presence"),
		kong.Description(description),
		kong.Writers(c.out, c.err),
		kong.Exit(func(int) { over = true }),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: helpWidth, Compact: true, NoAppDescFormat: true}),
		kong.Vars{"version": version()},
		kong.ExplicitGroups([]kong.Group{common}),
		kong.PostBuild(func(k *kong.Kong) error {
			k.Model.HelpFlag.Group = &common
			return nil
		}),
	)
	if err != nil {
		return report(c.err, err)
	}
	a := &app{console: c, ctx: ctx}
	verb, err := parser.Parse(args)
	switch {
	case over:
		return exitOK
	case err != nil:
		return report(c.err, misuse(err))
	}
	a.options = grammar.options
	if err := a.check(); err != nil {
		return report(c.err, err)
	}
	return report(c.err, verb.Run(a))
}

// misuse makes a usage error of what the parser says.
func misuse(err error) error {
	hint := "see: presence --help"
	if p, ok := err.(*kong.ParseError); ok && p.Context != nil && p.Context.Selected() != nil {
		hint = fmt.Sprintf("see: %s --help", p.Context.Selected().FullPath())
	}
	return &fault{err: err, code: exitUsage, hint: hint}
}
