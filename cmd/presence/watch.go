package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"meshpresence/node/client"
)

// watch is presence watch.
type watch struct {
	Channels []string `arg:"" optional:"" name:"channel" help:"Channels to hear, all of them when none is named."`
	Exec     string   `placeholder:"CMD" help:"Run CMD for each event, its data on standard input."`
	Count    int      `placeholder:"N" help:"Stop after N events."`
}

// Help is shown by --help.
func (*watch) Help() string {
	return `First comes what was posted while this device was away, then each event as it is posted, every one once. Events that this device cannot read, as those from before its time, are told of once. Ctrl-C ends it with exit code 0.

CMD is split into words as a shell would, with '...', "..." and \, and started without a shell; for one, write sh -c '...'. It finds PRESENCE_CHANNEL, PRESENCE_LABEL, PRESENCE_SEQUENCE, PRESENCE_SERIAL, PRESENCE_PUBLISHER, PRESENCE_NAME, PRESENCE_TIME, PRESENCE_HASH and PRESENCE_SEALED in its environment, and PRESENCE_PROFILE of this device. One runs at a time, for at most a minute. One that fails is told, and makes the exit code of a watch with --count 6.

Examples:

  presence watch
  presence watch main alarm --json
  presence watch door --count 1
  presence watch --exec 'notify-send -- Presence'
  presence watch --exec 'sh -c "cat >> posts.log"'`
}

// seen is one event: presence.watch/1.
type seen struct {
	Schema    string  `json:"schema"`
	Channel   string  `json:"channel"`
	Label     *string `json:"label"`
	Sequence  *int64  `json:"sequence"`
	Serial    int64   `json:"serial"`
	Publisher string  `json:"publisher"`
	Name      *string `json:"name"`
	Time      *string `json:"time"`
	Hash      string  `json:"hash"`
	Sealed    bool    `json:"sealed"`
	// Data is the base64 of the bytes, Text the same when they are UTF-8.
	Data string  `json:"data"`
	Text *string `json:"text"`
}

// Run watches until Ctrl-C, or for Count events.
func (v *watch) Run(a *app) error {
	if v.Count < 0 {
		return usage("give a number from 1, or leave it out to watch on", "--count %d is below zero", v.Count)
	}
	for _, c := range v.Channels {
		if err := checkChannel(c); err != nil {
			return err
		}
	}
	if err := a.checkClock(); err != nil {
		return err
	}
	run, err := newHandler(v.Exec, a.console)
	if err != nil {
		return err
	}
	p, err := a.openMember()
	if err != nil {
		return err
	}
	l, err := a.reach(p)
	if err != nil {
		return err
	}
	defer l.close()
	l.wait.stop()
	a.note("watching %s at %s, Ctrl-C ends", v.what(), l.Node())
	return v.follow(a, l, run)
}

func (v *watch) what() string {
	if len(v.Channels) == 0 {
		return "every channel"
	}
	return printable(strings.Join(v.Channels, ", "))
}

// follow prints the events as they come.
func (v *watch) follow(a *app, l *line, run *handler) error {
	count, failed := 0, 0
	unread := "" // what was told last of events that cannot be read
	for e, err := range l.Watch(l.ctx, v.Channels...) {
		if errors.Is(err, client.ErrUnreadable) {
			if text := err.Error(); text != unread {
				a.note("%s", printable(text))
				unread = text
			}
			continue
		}
		if err != nil {
			return l.fault(err, exitNoAnswer)
		}
		if err := a.emit(seenOf(e), eventLine(e)); err != nil {
			return err
		}
		if err := run.handle(e, l.Profile().Dir()); err != nil {
			failed++
			a.note("%s", printable(err.Error()))
		}
		if count++; count == v.Count {
			break
		}
	}
	if failed > 0 && v.Count > 0 {
		return &fault{err: fmt.Errorf("the command failed for %s of %d", plural(failed, "event"), count), code: exitLess}
	}
	return nil
}

func seenOf(e client.Event) seen {
	return seen{
		Schema: "presence.watch/1", Channel: e.Channel,
		Label: textOrNull(e.Label), Sequence: numberOrNull(e.Sequence, e.Sequence != 0), Serial: e.Serial,
		Publisher: e.Publisher, Name: textOrNull(e.Name), Time: timeOrNull(e.Time), Hash: e.Hash, Sealed: e.Sealed,
		Data: base64.StdEncoding.EncodeToString(e.Data), Text: utf8OrNull(e.Data),
	}
}

// eventLine is an event for people:
//
//	2026-05-01 18:03:22  phone  main #12   dinner is ready
//	2026-05-01 18:03:25  hall   main/door  open
func eventLine(e client.Event) string {
	who := e.Name
	if who == "" {
		who = short(e.Publisher)
	}
	mark := ""
	if !e.Sealed {
		mark = " (clear)"
	}
	return fmt.Sprintf("%s  %s  %s%s  %s", e.Time.Local().Format(stamp), printable(who), place(e.Channel, e.Label, e.Sequence), mark, printable(strings.TrimSuffix(string(e.Data), "\n")))
}

// place says where an event stands: CHANNEL #SEQUENCE, or CHANNEL/LABEL.
func place(channel, label string, sequence int64) string {
	if label != "" || sequence == 0 {
		return printable(channel + "/" + label)
	}
	return fmt.Sprintf("%s #%d", printable(channel), sequence)
}

// short is the beginning of a hash, enough to tell a household's devices apart.
func short(hash string) string { return hash[:min(len(hash), 8)] }
