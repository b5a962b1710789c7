// Package admin is how the operator of a node talks to it: HTTP over a unix
// socket that only its owner may use. The daemon serves it, the tool asks it
// through [Client].
//
//	GET  /overview   what the node is and whom it knows      presence.node/1
//	POST /invite     a code that lets one account in         presence.invite/1
//	GET  /health     200 it serves, 503 and why it does not  presence.health/1
//	GET  /metrics    numbers, in the text form of Prometheus
//
// Every answer but the metrics is one JSON object that says its schema; members
// are only ever added. What is not known is null. An answer that is no success
// is a presence.error/1 with one sentence, its reason.
//
// # Who may
//
// Whoever may write the socket: it is made with mode 0600. On Linux the kernel
// tells the other side's user as well, and any but the daemon's own and root is
// closed unheard, whatever became of the mode. There is nothing to log in with.
//
// A socket is left behind by a daemon that was killed; the next one finds that
// nobody answers there and takes its place. A socket that does answer is another
// daemon's and is left alone.
//
// # Metrics
//
// Every name, its labels in braces, and what it counts. None names a key, an
// account or a device.
//
//	meshpresence_info{version}                 1; the version that runs
//	meshpresence_start_time_seconds            when it started, Unix time
//	meshpresence_healthy                       1 while /health answers 200
//	meshpresence_connections                   proved connections of devices
//	meshpresence_sessions_watching             of them, those that are being told what happens
//	meshpresence_devices{reason}               devices of the accounts carried here, by the word that says where each is
//	meshpresence_facts                         signed facts held
//	meshpresence_accounts                      accounts this node keeps
//	meshpresence_members                       nodes of the realm, this one included
//	meshpresence_members_connected             of the others, those connected now
//	meshpresence_clock_offset_seconds          this clock less the other nodes' median; absent when they are too few
//	meshpresence_store_damaged_entries         entries of the store set aside because they could not be read
//	meshpresence_datagrams_total{outcome}      to and from devices: received, sent; of them unknown, dropped, replayed, resent
//	meshpresence_handshakes_total{outcome}     first packets of devices, by what became of them
//	meshpresence_gossip_total{outcome}         messages of other nodes: received, ignored, rejected; facts dropped for want of room
//	meshpresence_synced_facts_total            facts that came by comparing with other nodes
//	meshpresence_dials_total                   connections to other nodes tried
//	meshpresence_refusals_total{code}          answers to devices that were no success, by the code's name
//	meshpresence_notifications_total{outcome}  to watching devices: sent, repeated, delayed; items acknowledged
//	meshpresence_store_commits_total{outcome}  batches for the disk: ok, full, failed
//	meshpresence_store_commit_seconds          how long one took until it was synced
package admin
