package main

// realmInvite is presence realm invite.
type realmInvite struct {
	realmKey
	consent
}

// Help is shown by --help.
func (*realmInvite) Help() string {
	return `Shows a code for one node and waits until presenced --join used it on its first start. Then it shows the newcomer's name and fingerprint and asks: compare them with what the new node prints before you say yes. The nodes of a realm keep copies for each other, so let in only machines that are yours or as good as. The code works once, for 15 minutes at most; Ctrl-C withdraws it.

On the machine of the realm's first node nothing is to be given: the daemon says where the realm's key is. If you moved it off, name it with --realm-key, and a node of the realm with --node.

Examples:

  presence realm invite
  presence --node mpp://HOST/FINGERPRINT realm invite --realm-key realm.key`
}

// nodeAdded is the result: presence.realm-invite/1.
type nodeAdded struct {
	Schema      string  `json:"schema"`
	Realm       string  `json:"realm"`
	Node        string  `json:"node"`
	Name        *string `json:"name"`
	Fingerprint string  `json:"fingerprint"`
}

// Run lets one node in.
func (v *realmInvite) Run(a *app) error {
	if err := v.check(a, "node"); err != nil {
		return err
	}
	l, key, err := v.open(a)
	if err != nil {
		return err
	}
	defer l.close()
	o, err := l.InviteNode(l.ctx, key)
	if err != nil {
		return l.fault(err, exitNoAnswer)
	}
	who, err := v.welcome(a, l, o, "node", "presenced --join CODE")
	if err != nil {
		return err
	}
	r := nodeAdded{
		Schema: "presence.realm-invite/1", Realm: key.Realm(), Node: who.ID, Name: textOrNull(who.Name), Fingerprint: who.Fingerprint,
	}
	return a.emit(r, "added     "+named(who.Name)+" "+short(who.ID)+" to the realm "+short(r.Realm))
}
