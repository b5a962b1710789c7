package main

import (
	"errors"
	"fmt"

	"meshpresence/node/admin"
	"meshpresence/node/client"
)

// realmKey is what every act of the realm's key takes.
type realmKey struct {
	socket
	RealmKey       string `placeholder:"FILE" help:"The realm's key; the one in the state of this machine's node unless given."`
	PassphraseFile string `placeholder:"FILE" help:"Read the passphrase of the realm's key from FILE's first line; - is standard input."`
}

// open reads the realm's key and goes to a node of the realm: the one that was
// named, else the node of this machine, which also says where its key is.
func (k *realmKey) open(a *app) (*line, *client.RealmKey, error) {
	if err := a.checkClock(); err != nil {
		return nil, nil, err
	}
	_, view, err := k.overview(a)
	switch {
	case err == nil:
		if at, same := locally(a.Node, view); same {
			a.Node = at
		}
		if k.RealmKey == "" {
			k.RealmKey = view.RealmKey
		}
	case k.Admin == "" && k.RealmKey == "" && errors.Is(err, admin.ErrNoDaemon):
		return nil, nil, &fault{err: errors.New("no daemon answers here that could say where the realm's key is"), code: exitUnreachable, hint: waysToADaemon}
	case k.Admin != "" || k.RealmKey == "":
		return nil, nil, err
	}
	if k.RealmKey == "" {
		return nil, nil, usage(waysToARealmKey, "the realm's key is not in the state of this machine's node")
	}
	key, err := k.load(a)
	if err != nil {
		return nil, nil, err
	}
	l, err := a.reachNode()
	return l, key, err
}

const waysToADaemon = `start one with: presenced; one with another --state is named with --admin
STATE/admin.sock; or give the key with --realm-key FILE, and a node with --node`

const waysToARealmKey = `give it with --realm-key FILE, or run this where a node of the realm runs that
still has it in its state directory, as keys/realm.key`

// load reads the key; a person is asked for a passphrase only if it wants one.
func (k *realmKey) load(a *app) (*client.RealmKey, error) {
	passphrase, err := readPassphrase(k.PassphraseFile, a.in)
	if err != nil {
		return nil, err
	}
	defer func() { clear(passphrase) }()
	key, err := client.LoadRealmKey(k.RealmKey, passphrase)
	if !errors.Is(err, client.ErrLocked) {
		return key, err
	}
	if a.person == nil {
		return nil, usage("give --passphrase-file FILE", "the realm's key wants its passphrase, and nobody is here to be asked")
	}
	if passphrase, err = a.person.secret(a.ctx, "Passphrase of the realm's key: "); err != nil {
		return nil, fmt.Errorf("asking for the realm key's passphrase: %w", err)
	}
	return client.LoadRealmKey(k.RealmKey, passphrase)
}
