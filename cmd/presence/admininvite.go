package main

// adminInvite is presence admin invite.
type adminInvite struct{ socket }

// Help is shown by --help.
func (*adminInvite) Help() string {
	return `Asks the daemon of this machine for a code that lets one account in. It works once, for 15 minutes at most. On this machine itself presence account create asks for one by itself.

Examples:

  presence admin invite
  presence admin invite --admin /var/lib/presenced/admin.sock --json`
}

// Run prints one code.
func (v *adminInvite) Run(a *app) error {
	c, err := v.dial()
	if err != nil {
		return err
	}
	invite, err := c.Invite(a.ctx)
	if err != nil {
		return err
	}
	return a.showCode("account", invite.Code, invite.Text, invite.Expires, "presence account create --code CODE")
}
