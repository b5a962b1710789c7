// Package store keeps the facts of a node on its disk. The node works from
// memory; the store is the copy that survives it: a batch, then Sync, and
// acknowledged only after that (federation.md, promise 6).
//
// # The directory
//
//	store/            0700, made by Open
//	  lock            held while the store is open; the lock matters, not the text
//	  facts.db        one bbolt file
//	  facts.new       a file being built; worthless until renamed
//	  facts.damaged   the last file that had to be rebuilt, for whoever looks
//
// # The keys
//
//	/version                     the format, in digits
//	/f/KIND/OWNER[/SUB]          the fact with that record.Key, encoded;
//	                             OWNER in base32, SUB in base64url
//	/m/NAME                      a value of the node's own: a serial, a boot number
//	/t/ID                        a ticket that was redeemed, ID in hexadecimal: when
//	                             it expires
//	/q/NUMBER                    a damaged entry, kept aside, never served
//
// Every value is
//
//	| CRC-64 of key, 0 and payload, 8 bytes | payload |
//
// There is one entry for each fact key, so a fact replaces the older one it
// outdoes, and nothing but the registry decides what does.
//
// # A commit
//
//	Commit   --\
//	Commit   ---+-> writer: gather what waits -> one batch -> one Sync -> answer all
//	Commit   --/                                 |            |
//	                              pages in memory             pages, sync, meta page, sync
//
// The writer is the package's one goroutine, started by Open and ended by
// Close. While it waits for the disk the next group gathers, so the slower the
// disk, the larger the group. The whole group is one transaction of bbolt, which
// never overwrites a page in use: the new pages are written and synced first,
// then the meta page that names the new root. kill -9 or a power cut at any
// moment leaves the state before or the state after, and all batches whole.
// When the file cannot be written the group is dropped and each caller told; an
// unused page holds what was written of it, so the next commit starts clean, also
// after a sync that failed.
//
// # Damage
//
// bbolt trusts its file, so Open reads all of it first with a reader of its own
// (pages.go) that trusts nothing. What it finds:
//
//	an entry with a wrong checksum      set aside under /q, counted
//	a page that is malformed, or free   left out, counted; its entries are missing
//	one of the two meta pages           the other is used: perhaps one commit back
//	both, the root, the version         ErrCorrupt, and nothing is touched
//
// In the first three cases the sound entries are copied into a new file, which
// takes the old one's place in one rename, and Damage reports it. That a page is
// not one that was given up is known from the file's list of free pages: an older
// fact does not come back by a wrong bit in a pointer. What is missing comes back
// from peers and devices, who compare what they have with the node at each
// connect. A file that rots while it is open ends in ErrCorrupt, not in a crash.
//
// # Why bbolt
//
// Two backends were measured behind the same go-datastore interface, on two
// shared cores and a virtual disk, the medians of alternating runs: 10,000
// facts, keys of about 110 bytes, values of 600. Syncs are of the file, counted by
// strace, which also made them 5 ms longer.
//
//	                                       bbolt 1.4.3   go-ds-pebble 0.5.7
//	added to a stripped binary             1.0 MB        15.3 MB
//	idle memory with the facts loaded      27 MiB        35 MiB
//	open                                   0.2 ms        10 ms
//	open and read all                      52 ms         109 ms
//	commits a second, 1 publisher          340           710
//	commits a second, 64 publishers        6,100         21,500
//	the same, sync +5 ms, 1 publisher      63            144
//	the same, sync +5 ms, 64 publishers    2,090         3,410
//	syncs a commit, 1 publisher            2.00          1.05
//	syncs a commit, 64 publishers, +5 ms   0.06          0.03
//	each fact replaced ten times,
//	16 in a commit: on disk                12 MiB        24 to 27 MiB
//	time for that                          19 s          6 s
//	builds for linux/arm, linux/arm64,     yes           yes, with a module
//	darwin/arm64, windows/amd64                          raised by hand
//
// The machine was busy, so the proportions say more than the rates: pebble, with
// its log, is 1.5 to 3.5 times as fast. A node needs 1,000 acknowledgements a
// second from 64 publishers at 5 ms a sync, with at most one sync for four, and
// bbolt with our groups gives twice the one and a quarter of the other. It does so
// in a fifteenth of the size and less memory, in one file whose form is simple
// enough to check page by page. That decides. go-ds-leveldb was out: its Sync
// does nothing.
//
// With facts as the node holds them, parsed, a process idles at 51 MiB
// (TestIdleMemory; the bound is 96).
//
// # Failpoints
//
// With the build tag failpoint, MESHPRESENCE_FAILPOINT=POINT:N kills the process
// when it comes to POINT for the Nth time: before-put, after-put, before-sync,
// after-sync. Without the tag the points are nothing.
//
// The tests of crashes and rot run N times as long with
// MESHPRESENCE_STORE_LONG=N.
package store
