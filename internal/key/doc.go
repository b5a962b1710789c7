// Package key holds the keys of the protocol: who signs, who agrees, and how a
// private key rests on disk.
//
// # Public keys
//
// Public keys are immutable strings of raw bytes, comparable and usable as map
// keys. Both begin with one byte that names the algorithm (facts.md, The
// record):
//
//	Author     1 Ed25519 | 32 bytes        2 Ed448 | 57 bytes
//	Agreement  1 X25519  | 32 bytes        2 X448  | 56 bytes u [| 1 sign byte]
//
// The hash of an Author is SHA-256 of exactly those bytes: that is what
// "account", "device", "publisher" and "node" mean in every fact. The hash of
// an Agreement leaves the sign byte out, because a peer that only saw the key
// on the wire never learns it (RUD sends plain u); the sign byte enters the
// fingerprint alone (reference.md 7.4).
//
// # Private keys
//
// Account, Device, Node and Realm sign, Static agrees, Secret is 32 shared
// bytes. Each role is a type of its own, so that a device key cannot be passed
// where an account key is wanted. None of them prints: every verb of fmt, slog,
// JSON and text marshalling shows the role and eight characters of the public
// hash. The private bytes sit in a closure, so printing a struct that holds one in
// an unexported field shows an address at most. Secret is an array and cannot
// hide so: where a struct holds one in an unexported field, do not print it.
//
// # Key files
//
// One key a file, mode 0600, ASCII lines ended by one LF each, nothing after
// the last, base64 without padding in the URL alphabet:
//
//	mpp-key/1 ROLE                           account device node realm static secret
//	public KEY                               Author or Agreement bytes; none for a secret
//	private BYTES                            in clear
//
// or, for an account or a realm under a passphrase, instead of the last line:
//
//	argon2id TIME MEMORY-KIB THREADS SALT    salt 16 bytes
//	sealed BYTES                             nonce 24 | XChaCha20-Poly1305
//
// where the AEAD's key is Argon2id(passphrase, salt) and its additional data is
// every byte of the file before the word sealed: role, public key and cost
// cannot be changed. A file that does not encode back to its own bytes is
// refused, and so is one whose public key is not that of its private key.
//
// Files are written to a temporary name, synced, renamed, and their directory
// synced. A file that anyone but its owner may read or write is refused. On
// Windows the mode says nothing and is not checked: [ModesChecked] is false
// there and commands print a warning.
//
// Every type is safe for concurrent use once made.
package key
