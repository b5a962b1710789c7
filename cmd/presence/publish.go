package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"meshpresence/node/client"
)

// What a post may hold (facts.md).
const (
	maxData    = 4096
	maxChannel = 64
	maxLabel   = 64
	maxLife    = 7 * 24 * time.Hour
)

// publish is presence publish.
type publish struct {
	Channel string  `placeholder:"C" default:"main" help:"The channel to post to, ${default} unless given."`
	Label   string  `placeholder:"L" help:"Post a status: of this device's posts under one label the newest replaces the older."`
	Clear   bool    `help:"Leave it unsealed: every node that carries it can read it."`
	Life    life    `placeholder:"TIME" help:"How long it is kept, as 90s, 12h or 7d; 7d unless given, and at most."`
	Message *string `arg:"" optional:"" help:"At most 4096 bytes; - reads standard input."`
}

// Help is shown by --help.
func (*publish) Help() string {
	return `The post is sealed to the account's devices and kept on this one until two nodes have it. The exit code is 0 when the account's homes have it on disk, and 6 when a second home exists and has not confirmed yet.

Examples:

  presence publish "dinner is ready"
  presence publish --label door open
  presence publish --channel alarm --life 1h "smoke in the kitchen"
  date | presence publish --channel clock -`
}

// published is the result: presence.publish/1.
type published struct {
	Schema   string  `json:"schema"`
	Hash     string  `json:"hash"`
	Channel  string  `json:"channel"`
	Label    *string `json:"label"`
	Sequence *int64  `json:"sequence"`
	Serial   int64   `json:"serial"`
	Sealed   bool    `json:"sealed"`
	Copies   *int    `json:"copies"`
	Code     *int    `json:"code"`
	Status   *string `json:"status"`
	Node     *string `json:"node"`
}

// Run posts one message.
func (v *publish) Run(a *app) error {
	if err := a.checkClock(); err != nil {
		return err
	}
	post, err := v.post(a.in)
	if err != nil {
		return err
	}
	p, err := a.openMember()
	if err != nil {
		return err
	}
	l, err := a.reach(p)
	if err != nil {
		return notPosted(err)
	}
	defer l.close()
	receipt, err := l.Publish(l.ctx, post)
	if err != nil && receipt.Hash == "" {
		return l.fault(err, exitNoAnswer)
	}
	if told := v.tell(a, l, receipt); told != nil {
		return told
	}
	switch {
	case err != nil:
		return v.unanswered(l, err)
	case receipt.Code.Exit() != exitOK:
		return &fault{err: fmt.Errorf("the post is at one node so far (%v)", receipt.Code), code: receipt.Code.Exit(), hint: receipt.Code.Sentence()}
	}
	return nil
}

// notPosted adds to the silence of every node that nothing was kept either.
func notPosted(err error) error {
	f := explain(err)
	if f.code == exitUnreachable {
		f.hint = "nothing was posted, and nothing kept; " + f.hint
	}
	return f
}

// unanswered is the end of a post that no node acknowledged.
func (v *publish) unanswered(l *line, err error) error {
	f := explain(l.fault(err, exitNoAnswer))
	if f.code == exitNoAnswer {
		f.hint = "it is kept on this device, and offered again when it next reaches a node"
	}
	return f
}

// post reads what is to be posted and refuses what no node would take.
func (v *publish) post(in io.Reader) (client.Post, error) {
	post := client.Post{Channel: v.Channel, Label: v.Label, Clear: v.Clear, Life: time.Duration(v.Life)}
	if err := checkChannel(v.Channel); err != nil {
		return post, err
	}
	if len(v.Label) > maxLabel {
		return post, usage("give one of at most 64 bytes", "--label is %d bytes long", len(v.Label))
	}
	if v.Message == nil {
		return post, usage(`give a MESSAGE, - for standard input, or "" for an empty post`, "nothing was given to publish")
	}
	post.Data = []byte(*v.Message)
	if *v.Message == "-" {
		var err error
		if post.Data, err = io.ReadAll(io.LimitReader(in, maxData+1)); err != nil {
			return post, fmt.Errorf("reading the message: %w", err)
		}
	}
	if len(post.Data) > maxData {
		return post, usage("presence says that something happened: post where the rest can be fetched", "the message is longer than %d bytes", maxData)
	}
	return post, nil
}

func checkChannel(name string) error {
	if name == "" || len(name) > maxChannel {
		return usage("give a name of 1 to 64 bytes, like main", "%q cannot be a channel", name)
	}
	return nil
}

func (v *publish) tell(a *app, l *line, r client.Receipt) error {
	res := published{
		Schema: "presence.publish/1", Hash: r.Hash, Channel: v.Channel, Label: textOrNull(v.Label),
		Sequence: numberOrNull(r.Sequence, r.Sequence != 0), Serial: r.Serial, Sealed: !v.Clear, Node: textOrNull(l.Node()),
	}
	copies := "not acknowledged"
	if r.Code != 0 {
		code := int(r.Code)
		res.Copies, res.Code, res.Status = &r.Copies, &code, textOrNull(r.Code.Name())
		copies = "on disk at " + plural(r.Copies, "node")
	}
	return a.emit(res, place(v.Channel, v.Label, r.Sequence)+"  "+copies)
}

// life is how long a post is kept: a duration, or days as 7d. Zero is the
// default.
type life time.Duration

// UnmarshalText reads what follows --life.
func (l *life) UnmarshalText(text []byte) error {
	s := string(text)
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(max(n, 0), 1000)) * 24 * time.Hour
	}
	if err != nil || d < time.Second || d > maxLife {
		return fmt.Errorf("%q is no time between 1s and 7d, like 90s, 12h or 7d", s)
	}
	*l = life(d)
	return nil
}
