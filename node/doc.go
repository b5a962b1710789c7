// Package node assembles a presence node from its rooms, owns its goroutines
// and performs the effects that the rooms return as data.
//
// One loop owns everything that decides: the RUD endpoint, the sessions of the
// connected devices, the registry. Nothing in it waits for a disk, a peer or a
// device. What takes time is handed over and comes back as a function to run in
// the loop:
//
//	socket -> reader -> loop -> socket
//	                     |  \
//	                     |   writer     store: batch, Sync, answer
//	                     |   forwarder  copies at a second home
//	                     |
//	                federation          gossip, sync: one door in, Judge and Merge
//
// # One event
//
// A published event is parsed, checked against its device's rights, merged in
// memory and handed to the writer. When its batch is synced the loop gossips
// it, tells the devices watching here, and asks a second home of the account
// for a copy; the publisher is answered when that home confirmed, or after
// [CopyWait] with 202 (federation.md, Acknowledged). A fact that came by gossip
// or sync is told to the devices at once: its publisher's acknowledgement rests
// on its homes, not on this node.
//
// OURS: a post sealed to an epoch that a revocation ended is answered 409 with that
// revocation and the newest epoch, and its device seals it again under the same
// sequence. A device asks for its account's facts once a minute at most, and would
// seal to a lost one until then. What waited in an outbox comes in a fact request,
// was sealed before, and is taken.
//
// # One join
//
// A join by code goes through here in steps (package access draws them). For an
// account the node itself is the inviter: [Node.Invite] makes the code, the loop
// answers steps 1 and 3, and step 4 leaves once the node's word for the account is
// synced. For a device and a node it relays between two sessions that it finds by
// the code's Id, and decides only who may send what: the one who registered the
// Id, the one who was answered last. What may have been lost with a session is
// kept, one step a code, and said again to who comes back.
//
// # The state directory
//
// Whoever copies keys/ is this node; whoever loses it has a new one. store/ comes
// back from devices and other nodes.
//
//	keys/node.key, rud.key, rud448.key, reset.key   made when they are missing
//	keys/realm.key   the realm's key, where this node began it; to be moved away
//	keys/member      what admits this node to its realm
//	keys/dropped     accounts that the operator dropped, a line each
//	keys/peers       where the realm's other nodes were last, multiaddrs in lines.
//	                 OURS: a node that lost its store knows no other way to them
//	remnants         the connections that devices watch on. Rewritten without a Sync
//	                 soon after they change
//	store/           the signed facts, and the lock that lets one daemon in
//	admin.sock       the operator's, while it runs (package admin)
//
// A node comes to a realm of others by [JoinRealm] before its first [Start]; that
// Start, else, makes a realm of one.
//
// # Lives
//
// Leases are judged by the wall clock at each sweep, once a minute: timers stand
// still while a machine sleeps. First this node signs again what it says: its card
// when it is a day old or says something else, its host facts after a week. Then
// what is over is dropped:
//
//	attach over   delivery ends, and the device is told 408 at once and at each
//	              heartbeat (OURS): it attaches again by itself
//	host over     the account is not carried; its facts stay. A device that shows
//	              the node's own word, expired, brings it back, unless the account
//	              is listed in keys/dropped
//	node over     signed again, whatever the clock did meanwhile
//	event over    gone, and never delivered after
//
// A clock that is behind at the start drops nothing. OURS: what this node signed
// while its clock was so far ahead that others ignore it is signed again without
// covering that, once the node ran for an hour and another clock agrees with its
// own.
//
// An account leaves when its home fact named this node and does no more, or has
// not for an hour (OURS: so the node that gave its word to somebody who went away
// halfway is free again). A home that is in reach confirms all that is held here,
// page by page, and only then this node signs Ended; until then it carries on. One
// that nobody came with for an hour leaves too.
//
// # Where devices are
//
// A heartbeat that asks for it is answered with every device of the account: what
// it declared, when it was heard, how it is reached, each under a name of the
// table mpp.Reason, which log lines and the metric use too. Silence of three
// heartbeats is unknown, never offline, also while the session is not closed yet;
// what another node says of its own counts while its beacon is fresh. OURS: that
// an attachment expired is remembered until the node starts again; a revocation
// names hashes, so a revoked capability is listed like a revoked device.
//
// # Before anything is proved
//
// A device that knows the node's key asks with its first packet: a Heartbeat, an
// EndpointRequest or a Resolve, and nothing else is answered there. It makes no
// session, and the answer holds what the packet showed and the time.
//
// # After a restart
//
// A device that is not told finds out by its heartbeat that its connection went
// with the node. So the node tells the devices of the file remnants: each one
// packet, one device every few milliseconds, for each answers with a handshake
// (rud.md, Reset). Who is back already is not told. What the file did not hold yet,
// or a packet that is lost, only costs that device its heartbeat.
//
// # What was stored
//
// The store has an id, made with it, and counts the events it ever wrote for each
// account, in the batch that writes them. A connecting device is told both, and
// what the account's quota dropped of channels that it holds less of
// (federation.md, The devices' part; Quota). Only what is synced is told.
//
// # Goroutines
//
// Every go statement of the product: its file, what it runs, and its end.
//
//	node.go                    the reader of the device socket; ends when Close closes it
//	node.go                    the loop; ends when Close says stop
//	node.go                    the writer of the store; ends when its queue is closed
//	node.go                    the forwarders, ForwardWorkers of them, who ask second homes; as the writer
//	store/open.go              the store's group commit; ends at the store's Close
//	admin/server.go            the admin socket's accepts; ends at its Close
//	client/client.go           the device's keeper of links; ends at the client's Close
//	client/client.go           the device's loop; ends at the client's Close
//	client/sockets.go          the readers of the device's sockets, one each; end when theirs is closed
//	cmd/presence/terminal.go   the wait for what a person types; ends with the process
//
// Package federation runs its loop, its publisher and one task for each dial,
// greeting and sync under way in a WaitGroup of its own, which Close waits for.
// So does package discovery/mdns with its loop and its readers; found.go searches
// in a goroutine of the node's own WaitGroup.
package node
