// Package access decides who may: admission of accounts, roles of devices, codes
// by which somebody new comes in. It decides on what it is given and holds no
// state but that of a code; every answer is a code of the protocol's one table,
// so a refusal reads the same on the wire, in the log and at the command.
//
// # Admission
//
// A node trusts no address, its own machine's neither. It takes an account in
//
//	by             when                                              who decides
//	a code         the joiner proved that it knows one of the        [Inviter], at the node
//	               node's codes
//	an open node   always                                            [Rules.Admit]
//	a member       a device of the account asks, and a living member [Rules.Admit]
//	               of the realm keeps the account
//	a proposal     a living member asks for a second home            [Rules.Room]
//	its own word   the device shows this node's own host fact: the   the node
//	               store was lost, the keys were not
//
// and in every case but the last while it keeps fewer accounts than
// [Rules.Accounts] (429). Else 401: being an account proves itself, being welcome
// does not (federation.md, Coming in).
//
// # A join, in flights
//
// The code is 10 random bytes and the first 10 of SHA-256 of the key that will
// sign. It goes from screen to keyboard; the node never sees it, unless it is the
// inviter. The node R relays by Id and can at most lose what it relays.
//
//	inviter (has the code)              R                    joiner (typed the code)
//	  |--JoinRequest 0 {Id}------------>|                             |
//	  |<-JoinResponse 200---------------|                             |
//	  |                                 |<--JoinRequest 1 {Id, Nonce, Name, Keys}
//	  |<-Join 1-------------------------|--JoinResponse 200---------->|
//	  |--JoinRequest 2 {Id, Nonce, Keys, Mac, Signature}              |
//	  |<-JoinResponse 200---------------|--Join 2-------------------->|
//	  |                                 |     pin, MAC and signature hold?
//	  |                                 |<--JoinRequest 3 {Id, Mac}---|
//	  |<-Join 3-------------------------|--JoinResponse 200---------->|
//	  | the MAC holds? the person       |     shows its own fingerprint
//	  | compares fingerprints, y/N      |                             |
//	  |--JoinRequest 4 {Id, Facts}----->|                             |
//	  |<-JoinResponse 200---------------|--Join 4 {Facts}------------>|
//
//	K   = HKDF-SHA-256(random bytes, "mpp/1 join K")       Id = 8 bytes with "mpp/1 join id"
//	T   = SHA-256(kind, signing key, inviter's key, joiner's keys, name, joiner's nonce, inviter's nonce)
//	MAC = HMAC-SHA-256(K, "inviter" T) in step 2, HMAC-SHA-256(K, "joiner" T) in step 3
//	Signature = of "mpp/1 join" 0x00 T, by the key of which the code has the hash
//
// Each part of T stands after its length in 4 bytes. testdata/joins.txt has joins
// of every kind with every value, for another implementation to run.
//
//	kind     signing key   Keys of step 2               Keys of step 1
//	device   account's     account, inviting device     device, its agreement key
//	node     realm's       realm, realm                 node, its RUD agreement key
//	account  node's        node, node                   account, device, its agreement key
//
// What stops whom:
//
//	reads every step        the MACs are of T with both nonces and all keys: another T has others
//	guesses                 the fifth wrong MAC ends the code; an Id is 64 bits, a code 80 besides the pin
//	runs R                  has no K: cannot make a MAC for keys, names or nonces of its own; the two MACs
//	                        differ in their label, so that one is not the other; T names the kind
//	saw the code            cannot sign as the inviter; the person sees another fingerprint, which is of all
//	                        the joiner's keys: none of them is borrowed
//	comes late              a code is used up by step 4, ends with a refusal, and after 15 minutes
//
// R answers every request at once, with the bare code, and with 403 alike for an
// Id that is unknown, used, over or somebody else's. A joiner that lost its
// connection sends the same step again; R repeats step 4 to the one who proved.
// An inviter that lost its connection registers again and is given the step that
// waits for it. Step 0 with a Mac of 32 zeros withdraws the code: whoever waits is
// told by a step 4 without facts and with 403.
package access
