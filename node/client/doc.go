// Package client is the device: a profile on disk, a connection to the presence
// service, and what a person or a program does with them: create an account,
// invite a device, join, watch, publish, choose where the account is kept.
//
// # Profile
//
// A [Profile] is one device in one directory:
//
//	device.key     signs what the device says                       0600
//	agreement.key  its RUD static key: what nodes see               0600
//	labels.key     makes label tags that nodes cannot read          0600
//	account.key    the account's key, on devices that hold it       0600
//	profile.json   name, account, pinned nodes and the keys of those that were met
//	facts          the account's facts, as a node would show them
//	founding       a new account's first facts, until a node took them
//	state.json     serials and sequences used, what was received
//	outbox/        posts that fewer than two homes have, a file each
//	waiting/       posts that wait for an epoch to seal to, in clear, a file each
//	lock           taken for moments by processes that share the profile
//
// Everything but the keys and state.json comes back from any node of the
// account; state.json comes back as far as nodes still hold this device's own
// posts, which a client asks for before it first writes.
//
// # Connection
//
// [Dial] returns at once; a [Client] reaches for a node in the background: the
// address given, then those the profile has pinned, in turn, with a growing
// pause. Three unanswered requests mean the next node. Calls wait for a node
// and move with the client; a context bounds each.
//
// A node whose static key the profile knows, from an earlier connection or the home
// fact, is reached in one round trip, and with [Config.AskEndpoint] asked in the same;
// one of which only the fingerprint is known takes two. A key that was dialled in
// vain is followed by First Contact: a node of an earlier release answers nothing
// else, and another key shows only there. A node that started again says so, and is
// tried first; one that fell silent, last. Devices dial with X25519, the curve of the
// key that their account knows them by.
//
// # Networks
//
// A connection outlives the socket that it began on. [Client.Rebind] takes a fresh
// one into use before it gives the old one up: that is read for 30 s more, and is in
// use again when nothing opens on the fresh one for 2 s. What answers a packet leaves
// by the socket that it came through. By itself the device moves when the kernel
// would send to the node from another address than before: it is asked every 5 s,
// after a question that nobody answered, and at [Client.Wake], and no packet leaves
// for that. When there is no way to the node at all it stays as it is.
//
// A device trusts no node. It insists on the pinned key, checks every fact by
// its signature and every event by its publisher's device fact, and opens
// events with the epochs it was given. What it received is remembered before
// it is acknowledged, so an event is yielded once, whatever is repeated; a crash
// in between repeats it. What it cannot read for want of a fact it does not
// remember: a node that keeps facts back delays posts and destroys none. Events
// of one notification are yielded in order; a queued event that arrives late is
// yielded late.
//
// A node that says no is not the last word while another may answer: calls end
// when every node known said no, Watch when this device was revoked.
//
// # Codes
//
// [Client.InviteDevice] and [Client.InviteNode] make an [Offer]: a code that is
// entered at the node in use, and again on every new link, until somebody was let
// in, its 15 minutes are over or Close withdraws it. [Client.JoinAccount] and
// [JoinRealm] are the newcomer's side; [Client.CreateAccount] and
// [Client.AddHome] use the code of a node. The node relays and is believed
// nothing: what was granted is signed by the key that the code is of, and the
// nodes pinned afterwards are those that the account names and their own cards.
// OURS: a node's word for other nodes (Peers) is pinned only from a home.
//
// A code that does not work here is tried as one of the other kinds as far as
// step 2, so that a person is told what it is for. Why a node refuses a code
// nobody is told.
//
// # The account's key
//
// Its acts run one at a time on a client, on facts asked for lately, and
// end with a look at whether the newest epoch lists every device: two tools that
// sign at once may each leave out what the other added, and the later one to
// look signs the next epoch. A tool that dies between its acts loses nothing:
//
//	before Accept                 the code ends by itself; a new one is made
//	in Accept, facts not sent     nobody was let in
//	in Accept, facts sent         the device or node is let in and does not know
//	                              it: it joins again with a new code
//	epoch or device fact alone    Repair; NeedsRepair says so
//	revoked without an epoch      sealed posts wait on the device; Repair
//	account made, no home named   CreateAccount again, or Repair
//	code used, account not sent   CreateAccount again: the node keeps it already
//	node took it, home not signed AddHome again, the code is not needed any more
//	home signed, not all told     homes tell each other
//	joined, profile not written   a profile that may join again
//	restored, not readmitted      Readmit, or Repair
//
// # Lives
//
// The device's attach fact is renewed daily, judged by the wall clock at each
// heartbeat, at [Client.Wake] and when the node says that it is over. Nothing else
// of a device's is renewed. A device whose clock is more than half an hour ahead of
// the node's signs leases by the node's; it believes nobody the other way round,
// for an Expires out of reach cannot be taken back. A detach covers every attach
// fact that the device ever signed. When a clock was set the device connects anew
// and tells what it holds: what it skipped as over may live.
//
// A node that proves another key at a pinned address is a [ChangedKey]: calls end
// with it. OURS: an address given with its fingerprint is the person's word and
// takes the pin's place once that key answered.
//
// # Goroutines
//
//	read   reads a socket, one for each; ends when it is closed
//	loop   owns the RUD endpoint; ends at Close
//	keep   holds a link to one node after another; ends at Close
package client
