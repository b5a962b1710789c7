package main

import (
	"fmt"

	"meshpresence/discovery"
	"meshpresence/node/client"
)

// accountHomeAdd is presence account home add.
type accountHomeAdd struct {
	keySecret
	Code string `placeholder:"CODE" help:"The code that lets an account in at a node of another realm, as presence admin invite prints it there."`
	At   string `arg:"" name:"address" help:"The node: mpp://host:port/FINGERPRINT as it prints it, or the code in its pasted form."`
}

// Help is shown by --help.
func (*accountHomeAdd) Help() string {
	return `Asks a node to keep the account, and once it does signs that it is a home. At most three nodes keep an account; two are what it takes to lose one and nothing else. A node of the realm that keeps it already wants no code.

Examples:

  presence account home add mpp://192.0.2.8:6770/FINGERPRINT
  presence account home add mpp-join:CODE@192.0.2.8:6770/FINGERPRINT`
}

// Run adds one node.
func (v *accountHomeAdd) Run(a *app) error {
	if err := v.settle(); err != nil {
		return err
	}
	l, passphrase, err := v.holder(a)
	if err != nil {
		return err
	}
	defer l.close()
	defer clear(passphrase)
	if err := l.AddHome(l.ctx, v.At, v.Code, passphrase); err != nil {
		return l.fault(admission(byCode(err)), exitNoAnswer)
	}
	return tellHomes(a, l.Profile(), "presence.account-home-add/1")
}

// settle reads the address and the code; a pasted code is both.
func (v *accountHomeAdd) settle() error {
	if v.Code == "" {
		if node, err := client.ParseCode(v.At); err == nil && node != "" {
			v.At, v.Code = node, v.At
		}
	} else if _, err := client.ParseCode(v.Code); err != nil {
		return usage(codeForms, "what was given is no code")
	}
	at, err := discovery.ParseAddress(v.At)
	switch {
	case err != nil:
		return fmt.Errorf("reading the node's address: %w", err)
	case at.Fingerprint == "":
		return usage("give the address as the node prints it, mpp://host:port/FINGERPRINT", "the node's address has no fingerprint")
	}
	return nil
}
