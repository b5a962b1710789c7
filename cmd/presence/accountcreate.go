package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"meshpresence/node/client"
)

// accountCreate is presence account create.
type accountCreate struct {
	deviceName
	newSecret
	socket
	Code string `placeholder:"CODE" help:"The code that lets an account in at the node, as presence admin invite prints it."`
}

// Help is shown by --help.
func (*accountCreate) Help() string {
	return `Makes the account's key and this device's keys, and brings the account to a node, which keeps it. A node takes an account in by a code. On the node's own machine nothing is to be typed: the daemon is asked for its address and a code. Elsewhere --code takes the code that presenced printed at its first start, or that presence admin invite prints on that machine; the pasted form mpp-join:... names the node too.

The account's key is encrypted under a passphrase, asked for twice. It is needed to add, name and revoke devices, not to watch or publish. Nobody can make it again: keep a copy with presence account backup.

Examples:

  presence account create
  presence account create --code mpp-join:CODE@192.0.2.7:6770/FINGERPRINT
  presence account create --name phone --passphrase-file secret.txt
  presence --profile test account create --no-passphrase`
}

// created is the result: presence.account-create/1.
type created struct {
	Schema     string   `json:"schema"`
	Account    string   `json:"account"`
	Device     string   `json:"device"`
	Name       string   `json:"name"`
	Profile    string   `json:"profile"`
	Node       *string  `json:"node"`
	Homes      []string `json:"homes"` // addresses, all of each node's
	AccountKey string   `json:"account_key"`
	Encrypted  bool     `json:"encrypted"`
}

// Run makes the account. What can be refused without a node is refused first,
// and a person is asked for a passphrase only once a node is there.
func (v *accountCreate) Run(a *app) error {
	if err := a.checkClock(); err != nil {
		return err
	}
	passphrase, err := v.given(a)
	if err != nil {
		return err
	}
	defer clear(passphrase)
	p, undo, err := v.device(a)
	if err != nil {
		return err
	}
	code, err := v.admission(a, p)
	if err != nil {
		undo()
		return err
	}
	l, err := a.reach(p)
	if err != nil {
		undo()
		return err
	}
	defer l.close()
	if v.asks() {
		l.wait.stop()
		if passphrase, err = v.ask(l, a.person, p.HasAccountKey()); err != nil {
			undo()
			return err
		}
		l.wait.begin()
	}
	if err := l.CreateAccount(l.ctx, passphrase, code); err != nil {
		return l.fault(admission(byCode(err)), exitNoAnswer)
	}
	return v.tell(a, l)
}

// ask asks a person: twice for a new key, once for one that an earlier try made.
func (v *accountCreate) ask(l *line, who person, made bool) ([]byte, error) {
	if made {
		return who.secret(l.ctx, "Passphrase of the account's key made before: ")
	}
	return askNew(l.ctx, who, "Passphrase for the account's key: ")
}

// admission finds what lets the account in: the code that was given, else one
// that the node of this machine gives itself, when that is the node to be used.
// It settles which node that is; no code is no error, a node may be open.
func (v *accountCreate) admission(a *app, p *client.Profile) (code string, err error) {
	if v.Code != "" {
		return v.Code, a.readCode(v.Code)
	}
	node := a.Node
	if pins := p.Nodes(); node == "" && len(pins) > 0 {
		node = pins[0]
	}
	daemon, view, err := v.overview(a)
	if err != nil {
		if v.Admin != "" {
			return "", err
		}
		if errors.Is(err, fs.ErrPermission) {
			a.note("a node runs here, and its admin socket is another user's: that user gets a code with presence admin invite")
		}
		return "", nil // there need be none here
	}
	at, same := locally(node, view)
	if !same {
		return "", nil
	}
	a.Node = at
	if view.Admission == "open" {
		return "", nil
	}
	invite, err := daemon.Invite(a.ctx)
	return invite.Code, err
}

// admission tells who was not let in for want of a code the ways to one.
func admission(err error) error {
	var refusal *client.Refusal
	if !errors.As(err, &refusal) || refusal.Code.Name() != "not-admitted" {
		return err
	}
	return &fault{err: errors.New("the node lets no account in without a code"), code: refusal.Code.Exit(), hint: waysToACode}
}

const waysToACode = `run this on the node's own machine, where the daemon gives one by itself,
or get one there with: presence admin invite, and give it with --code CODE`

// device opens the profile, or makes it; undo takes back what was made, as long
// as nothing outside knows of it.
func (v *accountCreate) device(a *app) (p *client.Profile, undo func(), err error) {
	if p, undo, err = v.openOrMake(a); err != nil {
		return nil, nil, err
	}
	if p.Account() != "" && (len(p.Homes()) > 0 || !p.HasAccountKey()) {
		return nil, nil, fmt.Errorf("creating an account in %s: %w: it belongs to %s", p.Dir(), client.ErrProfileUsed, p.Account())
	}
	return p, undo, v.matches(p)
}

func (v *accountCreate) tell(a *app, l *line) error {
	p := l.Profile()
	r := created{
		Schema: "presence.account-create/1", Account: p.Account(), Device: p.Device(), Name: p.Name(),
		Profile: p.Dir(), Node: textOrNull(l.Node()), Homes: list(p.Homes()),
		AccountKey: filepath.Join(p.Dir(), "account.key"), Encrypted: !v.NoPassphrase,
	}
	lines := []string{
		"account   " + r.Account,
		"device    " + printable(r.Name) + " " + r.Device,
		"profile   " + r.Profile,
	}
	for _, h := range oneEach(r.Homes) {
		lines = append(lines, "kept at   "+h)
	}
	advice := "Nobody can make the account's key again: keep a copy off this machine, with"
	if !r.Encrypted {
		advice = "The account's key lies in clear, and nobody can make it again: keep a copy with"
	}
	lines = append(lines, advice, "  presence account backup FILE", "Let another device in with", "  presence device add")
	return a.emit(r, lines...)
}
